package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Faults is every fault found in a binary's environment, each beginning with the variable's name.
type Faults struct {
	Binary string
	List   []string
}

func (f *Faults) Error() string {
	return fmt.Sprintf("%s: faults in the environment (%d):\n  %s", f.Binary, len(f.List), strings.Join(f.List, "\n  "))
}

func (f *Faults) add(name, format string, args ...any) {
	f.List = append(f.List, name+": "+fmt.Sprintf(format, args...))
}

// LoadCommandAPI reads the command API's configuration. The error is a *Faults with everything that is wrong.
func LoadCommandAPI(environ map[string]string) (CommandAPI, error) {
	cfg := defaultCommandAPI()
	err := load("command-api", &cfg, environ)
	return cfg, err
}

// LoadQueryAPI reads the query API's configuration. The error is a *Faults with everything that is wrong.
func LoadQueryAPI(environ map[string]string) (QueryAPI, error) {
	cfg := defaultQueryAPI()
	err := load("query-api", &cfg, environ)
	return cfg, err
}

// LoadProjector reads the projector's configuration. The error is a *Faults with everything that is wrong.
func LoadProjector(environ map[string]string) (Projector, error) {
	cfg := defaultProjector()
	err := load("projector", &cfg, environ)
	return cfg, err
}

// LoadOperator reads what the commands of operators need. The error is a *Faults with everything that is wrong.
func LoadOperator(environ map[string]string) (Operator, error) {
	cfg := defaultOperator()
	err := load("projector", &cfg, environ)
	return cfg, err
}

// LoadLogReader reads what the commands that read the log need. The error is a *Faults with everything that is wrong.
func LoadLogReader(environ map[string]string) (LogReader, error) {
	cfg := defaultLogReader()
	err := load("passbook", &cfg, environ)
	return cfg, err
}

// LoadMigrator reads what a migration needs. The error is a *Faults with everything that is wrong.
func LoadMigrator(environ map[string]string) (Migrator, error) {
	cfg := defaultMigrator()
	err := load("migrate", &cfg, environ)
	return cfg, err
}

// Environ turns os.Environ's form into a map.
func Environ(pairs []string) map[string]string {
	environ := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			environ[name] = value
		}
	}
	return environ
}

type checked interface{ check(*Faults) }

// load fills cfg, which holds the defaults. What cannot be read keeps its default, so that one fault is reported once.
func load(binary string, cfg checked, environ map[string]string) error {
	faults := &Faults{Binary: binary}
	fields := fieldsOf(cfg)
	environ = readFiles(fields, environ, faults)
	if err := env.ParseWithOptions(cfg, env.Options{Environment: environ}); err != nil {
		faults.addParse(fields, err)
	}
	cfg.check(faults)
	if len(faults.List) > 0 {
		return faults
	}
	return nil
}

// readFiles returns the environment with each NAME_FILE of a secret replaced by NAME and the file's content.
func readFiles(fields []field, environ map[string]string, faults *Faults) map[string]string {
	environ = maps.Clone(environ)
	if environ == nil {
		environ = map[string]string{}
	}
	for _, f := range fields {
		path := environ[f.name+fileSuffix]
		if !f.secret || path == "" {
			continue
		}
		if environ[f.name] != "" {
			faults.add(f.name+fileSuffix, "set together with %s: one of them must go", f.name)
			continue
		}
		text, err := os.ReadFile(path) //nolint:gosec // the file that whoever starts the binary names
		if err != nil {
			faults.add(f.name+fileSuffix, "%v", err)
			continue
		}
		environ[f.name] = strings.TrimRight(string(text), "\r\n")
	}
	return environ
}

// addParse names the variable where the parser names the struct's field.
func (f *Faults) addParse(fields []field, err error) {
	all := env.AggregateError{}
	if !errors.As(err, &all) {
		f.add("environment", "%v", err)
		return
	}
	for _, one := range all.Errors {
		parse := env.ParseError{}
		if errors.As(one, &parse) {
			f.add(variableOf(fields, parse.Name), "%v", parse.Err)
		} else {
			f.add("environment", "%v", one)
		}
	}
}
