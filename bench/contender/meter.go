package contender

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"

	"passbook/bench/rig"
	"passbook/internal/loadgen"
)

// program is something whose use of the machine can be asked for.
type program struct {
	name  string
	usage func() (rig.Usage, error)
}

func process(p *rig.Process) program { return program{p.Name, p.Usage} }

// self is this very process, under the name of what it does.
func self(name string) program {
	return program{name, func() (rig.Usage, error) { return rig.UsageOf(os.Getpid()) }}
}

// meter is read where the measured time begins and where it ends. Without programs it reads nothing.
type meter struct {
	stage    *Stage
	programs []program
	readings []reading
}

type reading struct {
	wal    int64
	disk   map[string]int64
	usages []rig.Usage // the server's, then the programs'
}

// Written implements loadgen.Database: the load generator asks at the very moments that the meter is to be read at.
func (m *meter) Written(ctx context.Context) (loadgen.Written, error) {
	return loadgen.Written{}, m.read(ctx)
}

func (m *meter) read(ctx context.Context) (err error) {
	if m.programs == nil {
		return nil
	}
	var r reading
	for _, p := range m.all() {
		used, err := p.usage()
		if err != nil {
			return fmt.Errorf("ask what %s has used: %w", p.name, err)
		}
		r.usages = append(r.usages, used)
	}
	if r.wal, err = m.stage.bench.Server.WAL(ctx); err != nil {
		return err
	}
	if r.disk, err = m.stage.disk(ctx); err != nil {
		return err
	}
	m.readings = append(m.readings, r)
	return nil
}

func (m *meter) all() []program {
	return append([]program{{"postgres", m.stage.bench.Server.Usage}}, m.programs...)
}

var errMeter = errors.New("the meter was not read at both ends")

// cost is what happened between the two readings, by operation.
func (m *meter) cost(operations int64) (*Cost, error) {
	if m.programs == nil {
		return nil, nil
	}
	if len(m.readings) != 2 {
		return nil, errMeter
	}
	before, after := m.readings[0], m.readings[1]
	c := &Cost{Disk: map[string]float64{}, CPUMicros: map[string]float64{}, Memory: map[string]int64{}}
	per := func(amount int64) float64 { return float64(amount) / float64(operations) }
	for i, p := range m.all() {
		c.CPUMicros[p.name] += per((after.usages[i].CPU - before.usages[i].CPU).Microseconds())
		c.Memory[p.name] += after.usages[i].Memory
	}
	c.WALBytes = per(after.wal - before.wal)
	for table, bytes := range after.disk {
		if grown := bytes - before.disk[table]; grown > 0 {
			c.Disk[table] = per(grown)
		}
	}
	return c, nil
}

const selectDisk = `
SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, pg_total_relation_size(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`

// disk is the size of each table of the contender, its indexes included.
func (s *Stage) disk(ctx context.Context) (map[string]int64, error) {
	rows, err := s.pool.Query(ctx, selectDisk)
	if err != nil {
		return nil, fmt.Errorf("read the sizes of tables: %w", err)
	}
	sizes := map[string]int64{}
	var table string
	var bytes int64
	_, err = pgx.ForEachRow(rows, []any{&table, &bytes}, func() error {
		sizes[table] = bytes
		return nil
	})
	return sizes, err
}
