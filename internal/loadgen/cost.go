package loadgen

import (
	"context"
	"syscall"
	"time"
)

// sample is what was used up to one moment.
type sample struct {
	at        time.Time
	generator time.Duration // processor time
	ops       *opsSample    // nil: not visible
	written   *Written      // likewise
}

// sample is taken at this time of the load.
func (b *bench) sample(ctx context.Context, start time.Time, at time.Duration) sample {
	if pause(ctx, at-time.Since(start)) != nil {
		return sample{}
	}
	s := sample{at: time.Now(), generator: processorTime()}
	s.ops = b.ops.read(ctx)
	if b.cfg.Database != nil {
		if w, err := b.cfg.Database.Written(ctx); err == nil {
			s.written = &w
		}
	}
	return s
}

// processorTime is this process's own, in user and system mode.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func generatorCost(before, after sample, requests int64) GeneratorCost {
	used := (after.generator - before.generator).Seconds()
	return GeneratorCost{ProcessorMicros: each(used*1e6, requests), Cores: used / after.at.Sub(before.at).Seconds()}
}

func bankCost(before, after sample, accepted int64) *BankCost {
	if before.ops == nil || after.ops == nil {
		return nil
	}
	used := after.ops.processorSeconds - before.ops.processorSeconds
	return &BankCost{
		ProcessorMicros: each(used*1e6, accepted), Cores: used / after.at.Sub(before.at).Seconds(),
		ResidentBytes: after.ops.residentBytes, ResidentGrowth: after.ops.residentBytes - before.ops.residentBytes,
	}
}

func databaseCost(before, after sample, accepted int64) *DatabaseCost {
	if before.written == nil || after.written == nil {
		return nil
	}
	return &DatabaseCost{
		WALBytes:  each(float64(after.written.WALBytes-before.written.WALBytes), accepted),
		DiskBytes: each(float64(after.written.DiskBytes-before.written.DiskBytes), accepted),
	}
}

func each(sum float64, count int64) float64 {
	if count == 0 {
		return 0
	}
	return sum / float64(count)
}
