package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const fileSuffix = "_FILE"

// Variable is one environment variable that a binary knows.
type Variable struct {
	Name    string
	Default string // as it would be written in the environment
	Help    string
}

// Variables lists what a binary knows, in the order of its struct: "command-api", "query-api", "projector", "webhooks", "migrate".
// The file form of a secret is listed after it. An unknown binary knows nothing.
func Variables(binary string) []Variable {
	var list []Variable
	for _, f := range fieldsOf(defaults(binary)) {
		list = append(list, Variable{f.name, f.text(), f.help})
		if f.secret {
			list = append(list, Variable{f.name + fileSuffix, "", "a file that holds " + f.name})
		}
	}
	return list
}

func defaults(binary string) any {
	switch binary {
	case "command-api":
		return new(defaultCommandAPI())
	case "query-api":
		return new(defaultQueryAPI())
	case "projector":
		return new(defaultProjector())
	case "webhooks":
		return new(defaultWebhooks())
	case "log-reader":
		return new(defaultLogReader())
	case "migrate":
		return new(defaultMigrator())
	}
	return &struct{}{}
}

// String lists the configuration as NAME=value lines with secrets masked.
func (c CommandAPI) String() string { return describe(&c) }

// String lists the configuration as NAME=value lines with secrets masked.
func (c QueryAPI) String() string { return describe(&c) }

// String lists the configuration as NAME=value lines with secrets masked.
func (c Projector) String() string { return describe(&c) }

// String lists the configuration as NAME=value lines with secrets masked.
func (c Migrator) String() string { return describe(&c) }

func describe(cfg any) string {
	var b strings.Builder
	for _, f := range fieldsOf(cfg) {
		text := f.text()
		if strings.ContainsAny(text, "\r\n") { // or it would look like another variable
			text = strconv.Quote(text)
		}
		fmt.Fprintf(&b, "%s=%s\n", f.name, text)
	}
	return b.String()
}

// field is one leaf of a configuration struct.
type field struct {
	name   string // of the environment variable
	field  string // of the struct's field; unique within a struct, since the parts are embedded
	help   string
	secret bool
	value  any
}

func (f field) text() string {
	if list, ok := f.value.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(f.value)
}

// fieldsOf walks the struct that cfg points to, embedded parts in place.
func fieldsOf(cfg any) []field {
	return leaves(reflect.ValueOf(cfg).Elem())
}

func leaves(v reflect.Value) []field {
	var list []field
	for i := range v.NumField() {
		t := v.Type().Field(i)
		if t.Anonymous {
			list = append(list, leaves(v.Field(i))...)
			continue
		}
		_, secret := v.Field(i).Interface().(Secret)
		list = append(list, field{t.Tag.Get("env"), t.Name, t.Tag.Get("help"), secret, v.Field(i).Interface()})
	}
	return list
}

func variableOf(fields []field, structField string) string {
	i := slices.IndexFunc(fields, func(f field) bool { return f.field == structField })
	if i < 0 {
		return structField
	}
	return fields[i].name
}
