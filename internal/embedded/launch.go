package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// maxSocketPath is what every system accepts for a socket's path; Linux would take three bytes more.
	maxSocketPath = 103
	readyInterval = 5 * time.Millisecond
	logKeepBytes  = 10 << 20
	logTailBytes  = 2 << 10
	// leftoverPatience is how long a server may refuse to start because processes of one that was killed still hold
	// its memory: they notice at once and leave.
	leftoverPatience = 5 * time.Second
	retryInterval    = 200 * time.Millisecond
)

// plainPath means the same to the server, which takes a list of directories, and to its clients, which take a list of
// hosts.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._-]+$`)

// makeSocketDir puts the socket where only the server's user and root can reach it: inside the state, or, where that
// path would be too long or too odd for a socket, in a fresh directory under the system's temporary one.
func (p *Postgres) makeSocketDir() (err error) {
	p.socketDir = filepath.Join(p.dir, "run")
	if len(p.socketPath()) > maxSocketPath || !plainPath.MatchString(p.socketDir) {
		if p.tempDir, err = os.MkdirTemp("/tmp", "passbook-"); err != nil {
			return fmt.Errorf("make socket directory: %w", err)
		}
		p.socketDir = p.tempDir
	}
	// A killed server's socket stays, with a lock file that names a pid which by now may be anybody's.
	if err := os.RemoveAll(p.socketDir); err != nil {
		return fmt.Errorf("clear socket directory: %w", err)
	}
	if err := os.Mkdir(p.socketDir, 0o700); err != nil {
		return fmt.Errorf("make socket directory: %w", err)
	}
	return p.account.own(p.socketDir)
}

func (p *Postgres) socketPath() string {
	return filepath.Join(p.socketDir, ".s.PGSQL."+strconv.Itoa(p.port()))
}

func removeSocketDir(dir string) {
	if dir != "" {
		_ = os.RemoveAll(dir)
	}
}

// launch starts the server and waits until it answers. What a killed server left in memory may refuse it for a moment.
func (p *Postgres) launch(ctx context.Context) error {
	_, statErr := os.Stat(filepath.Join(p.dataDir(), pidFileName))
	leftover := statErr == nil
	for start := time.Now(); ; {
		err := p.launchOnce(ctx)
		if err == nil || !leftover || ctx.Err() != nil || time.Since(start) > leftoverPatience {
			return err
		}
		if err := wait(ctx, retryInterval); err != nil {
			return err
		}
	}
}

func (p *Postgres) launchOnce(ctx context.Context) error {
	log, err := p.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	// The server outlives ctx, which bounds the start only.
	cmd := p.command(context.WithoutCancel(ctx), "postgres", p.dataDir(), p.serverArgs()...)
	cmd.Stdout, cmd.Stderr = log, log
	if p.server, err = startChild(cmd); err != nil {
		return fmt.Errorf("run postgres: %w", err)
	}
	if err := p.awaitReady(ctx); err != nil {
		p.server.kill()
		return fmt.Errorf("%w\n%s", err, tail(p.logFile, from))
	}
	return nil
}

// openLog appends to the server's log file, and begins a new one at a start when it has grown.
func (p *Postgres) openLog() (*os.File, error) {
	p.logFile = filepath.Join(p.dir, "postgres.log")
	if info, err := os.Stat(p.logFile); err == nil && info.Size() > logKeepBytes {
		if err := os.Rename(p.logFile, p.logFile+".1"); err != nil {
			return nil, fmt.Errorf("rotate server log: %w", err)
		}
	}
	file, err := os.OpenFile(p.logFile, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	return file, nil
}

func (p *Postgres) serverArgs() []string {
	settings := p.settings()
	args := []string{"-D", p.dataDir()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// settings go on the command line, where they overrule the configuration file: the file stays the operator's.
func (p *Postgres) settings() map[string]string {
	settings := map[string]string{
		"listen_addresses":        "",
		"port":                    strconv.Itoa(p.port()),
		"unix_socket_directories": p.socketDir,
		"unix_socket_permissions": "0700",
		"max_connections":         "200",
		"shared_buffers":          "256MB",
		"max_wal_size":            "2GB",
		"checkpoint_timeout":      "15min",
		"wal_compression":         "on",
		"jit":                     "off", // compiles for longer than our short queries run
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_line_prefix":         "%m [%p] %q%u@%d ",
		"fsync":                   "on",
		"full_page_writes":        "on",
	}
	if p.cfg.Port > 0 {
		settings["listen_addresses"] = loopback
	}
	if !p.cfg.Durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	maps.Copy(settings, p.cfg.Settings)
	return settings
}

func (p *Postgres) awaitReady(ctx context.Context) error {
	for {
		notReady := p.checkReady(ctx)
		if notReady == nil {
			return nil
		}
		select {
		case <-p.server.done:
			return fmt.Errorf("the server ended while starting: %w", errOrClean(p.server.err))
		default:
		}
		if err := wait(ctx, readyInterval); err != nil {
			return fmt.Errorf("the server was not ready in time: %w (%w)", err, notReady)
		}
	}
}

// checkReady believes the server's own note in its pid file, and then only an answered query.
func (p *Postgres) checkReady(ctx context.Context) error {
	note, err := readPIDFile(p.dataDir())
	if err != nil {
		return err
	}
	if note.pid != p.server.pid() || note.status != "ready" {
		return fmt.Errorf("process %d says it is %q", note.pid, note.status)
	}
	return p.exec(ctx, "SELECT 1")
}

func (p *Postgres) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// protectPort gives the superuser a password, which the server asks of everyone who comes over the port. It is
// kept beside the data for whoever may read there.
func (p *Postgres) protectPort(ctx context.Context) error {
	if p.cfg.Port <= 0 {
		return nil
	}
	password, err := keptSecret(filepath.Join(p.dir, "postgres.password"))
	if err != nil {
		return err
	}
	p.password = password
	quoted := "'" + strings.ReplaceAll(p.password, "'", "''") + "'"
	if err := p.exec(ctx, "ALTER ROLE "+superuser+" PASSWORD "+quoted); err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	return nil
}

func errOrClean(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// tail is what the server wrote since from, as far as it helps a reader.
func tail(path string, from int64) string {
	file, err := os.Open(path) //nolint:gosec // the log of our own child
	if err != nil {
		return "(its log cannot be read: " + err.Error() + ")"
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil {
		from = max(from, info.Size()-logTailBytes)
	}
	text, err := io.ReadAll(io.NewSectionReader(file, from, logTailBytes))
	if err != nil {
		return "(its log cannot be read: " + err.Error() + ")"
	}
	return path + " says:\n" + string(text)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
