// Package deploy_test holds docker-compose.yml and the Dockerfile to what the binaries know.
package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"passbook/internal/config"
)

// served are the services that run a binary of ours which is configured by its environment, and what loads it.
var served = map[string]func(map[string]string) error{
	"command-api": func(e map[string]string) error { _, err := config.LoadCommandAPI(e); return err },
	"query-api":   func(e map[string]string) error { _, err := config.LoadQueryAPI(e); return err },
	"projector":   func(e map[string]string) error { _, err := config.LoadProjector(e); return err },
	"webhooks":    func(e map[string]string) error { _, err := config.LoadWebhooks(e); return err },
	"migrate":     func(e map[string]string) error { _, err := config.LoadMigrator(e); return err },
}

// binaries are the targets that the Dockerfile must have.
var binaries = []string{"command-api", "passbook", "projector", "query-api"}

func load(t *testing.T, path string, environ ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{path}, cli.WithEnv(environ), cli.WithName("passbook"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func environment(service types.ServiceConfig) map[string]string {
	set := map[string]string{}
	for name, value := range service.Environment {
		if value != nil {
			set[name] = *value
		}
	}
	return set
}

// unknown lists what a service sets that its binary does not know, by service.
func unknown(project *types.Project) []string {
	var found []string
	for name := range served {
		known := map[string]bool{}
		for _, v := range config.Variables(name) {
			known[v.Name] = true
		}
		for variable := range project.Services[name].Environment {
			if !known[variable] {
				found = append(found, name+" "+variable)
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestEveryVariableIsKnown(t *testing.T) {
	t.Parallel()
	if found := unknown(load(t, "../docker-compose.yml")); len(found) > 0 {
		t.Errorf("set, but not known to the binary: %q", found)
	}
}

func TestAnUnknownVariableIsFound(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "docker-compose.yml")
	text := "services: {projector: {image: x, environment: {NATS_URL: nats://n, NATS_ULR: nats://n, RELAY: off}}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := unknown(load(t, path)); !slices.Equal(found, []string{"projector NATS_ULR", "projector RELAY"}) {
		t.Errorf("found %q", found)
	}
}

// With the environment of the compose file, each binary would start.
func TestEveryServiceIsConfiguredCompletely(t *testing.T) {
	t.Parallel()
	project := load(t, "../docker-compose.yml")
	for name, loadConfig := range served {
		service, ok := project.Services[name]
		if !ok {
			t.Errorf("no service %s", name)
			continue
		}
		if err := loadConfig(environment(service)); err != nil {
			t.Error(err)
		}
	}
}

func TestServicesLogInAsTheRoleTheyTake(t *testing.T) {
	t.Parallel()
	project := load(t, "../docker-compose.yml")
	for _, name := range []string{"command-api", "query-api", "projector", "webhooks"} {
		var role string
		for _, v := range config.Variables(name) {
			if v.Name == "DATABASE_ROLE" {
				role = v.Default
			}
		}
		if url := environment(project.Services[name])["DATABASE_URL"]; role == "" || !strings.HasPrefix(url, "postgres://"+role+":") {
			t.Errorf("%s takes the role %q and logs in by %s", name, role, config.Secret(url))
		}
	}
}

var stageLine = regexp.MustCompile(`(?m)^FROM (?:--\S+ )?(\S+) AS (\S+)$`)

// stages returns the Dockerfile's stages and what each is made from.
func stages(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	from := map[string]string{}
	for _, match := range stageLine.FindAllStringSubmatch(string(text), -1) {
		from[match[2]] = match[1]
	}
	return from
}

func TestDockerfileHasATargetForEachBinary(t *testing.T) {
	t.Parallel()
	commands, err := os.ReadDir("../cmd")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		if !slices.Contains(binaries, command.Name()) {
			t.Errorf("cmd/%s has no target", command.Name())
		}
	}
	from := stages(t)
	for _, name := range binaries {
		if from[name] != "base" {
			t.Errorf("target %s is made from %q, want base", name, from[name])
		}
	}
	if !strings.HasSuffix(from["base"], ":nonroot") {
		t.Errorf("the final images are made from %q, want one without root", from["base"])
	}
}

// Services with one image must build the same target, and every target must exist.
func TestServicesBuildWhatTheDockerfileHas(t *testing.T) {
	t.Parallel()
	from := stages(t)
	project := load(t, "../docker-compose.yml", "VERSION=v1")
	built := map[string]string{}
	for name, service := range project.Services {
		if service.Build == nil {
			continue
		}
		target := service.Build.Target
		if _, exists := from[target]; !exists || service.Build.Dockerfile != "deploy/Dockerfile" {
			t.Errorf("%s builds target %q of %s", name, target, service.Build.Dockerfile)
		}
		if want := "passbook/" + target + ":v1"; service.Image != want {
			t.Errorf("%s: image %s, want %s", name, service.Image, want)
		}
		built[target] = name
	}
	if got := slices.Sorted(maps.Keys(built)); !slices.Equal(got, binaries) {
		t.Errorf("services build %q, want %q", got, binaries)
	}
}

// healthcheck is how a service is asked whether it is ready.
func healthcheck(name string) []string {
	if name == "webhooks" {
		return []string{"CMD", "/projector", "webhooks", "healthcheck"}
	}
	return []string{"CMD", "/" + name, "healthcheck"}
}

// What serves is watched, is stopped with patience, and waits for the schema.
func TestServicesAreWatched(t *testing.T) {
	t.Parallel()
	project := load(t, "../docker-compose.yml")
	for _, name := range []string{"command-api", "query-api", "projector", "webhooks"} {
		service := project.Services[name]
		if service.HealthCheck == nil || !slices.Equal(service.HealthCheck.Test, healthcheck(name)) {
			t.Errorf("%s: health check %v", name, service.HealthCheck)
		}
		cfg, err := config.LoadProjector(environment(project.Services["projector"]))
		if err != nil {
			t.Fatal(err)
		}
		if service.StopGracePeriod == nil || int64(*service.StopGracePeriod) <= int64(cfg.ShutdownTimeout) {
			t.Errorf("%s is killed after %v, while stopping may take %v", name, service.StopGracePeriod, cfg.ShutdownTimeout)
		}
		if service.DependsOn["migrate"].Condition != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s does not wait for the migrations", name)
		}
		if !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") {
			t.Errorf("%s could write its own file system or has capabilities", name)
		}
	}
	for _, name := range []string{"postgres", "nats"} {
		if project.Services[name].HealthCheck == nil {
			t.Errorf("%s has no health check", name)
		}
	}
}

var interpolated = regexp.MustCompile(`\$\{([A-Z_]+):-([^}]*)\}`)

// example.env lists every variable that the compose file takes from outside, with the value it has without.
func TestExampleEnvIsComplete(t *testing.T) {
	t.Parallel()
	compose := read(t, "../docker-compose.yml")
	wanted := map[string]string{}
	for _, match := range interpolated.FindAllStringSubmatch(compose, -1) {
		wanted[match[1]] = match[2]
	}
	if strings.Count(compose, "${") != len(interpolated.FindAllString(compose, -1)) {
		t.Error("a variable without a default")
	}
	given := map[string]string{}
	for line := range strings.Lines(read(t, "example.env")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			given[name] = value
		}
	}
	if !maps.Equal(given, wanted) {
		t.Errorf("example.env\n got  %v\n want %v", given, wanted)
	}
}

// The roles' passwords come from the environment of the container: each that the script reads is set there.
func TestRolesScriptReadsWhatIsSet(t *testing.T) {
	t.Parallel()
	set := environment(load(t, "../docker-compose.yml").Services["postgres"])
	script := read(t, "postgres/roles.sql")
	reads := regexp.MustCompile(`(?m)^\\getenv (\w+) (\w+)$`).FindAllStringSubmatch(script, -1)
	if len(reads) != 5 {
		t.Fatalf("the script reads %d passwords, want 5", len(reads))
	}
	for _, match := range reads {
		if set[match[2]] == "" {
			t.Errorf("%s is read and not set", match[2])
		}
		if role := "passbook_" + strings.TrimSuffix(match[1], "_password"); !strings.Contains(script, fmt.Sprintf("ALTER ROLE %-18s LOGIN NOSUPERUSER", role)) {
			t.Errorf("%s gets no password", role)
		}
	}
}

// The passwords of NATS' users, too; and each service comes as the user of its own name.
func TestNATSReadsWhatIsSet(t *testing.T) {
	t.Parallel()
	project := load(t, "../docker-compose.yml")
	set, conf := environment(project.Services["nats"]), read(t, "nats/nats.conf")
	reads := regexp.MustCompile(`: \$(NATS_\w+)`).FindAllStringSubmatch(conf, -1)
	if len(reads) != 5 {
		t.Fatalf("the configuration reads %d variables, want 5", len(reads))
	}
	for _, match := range reads {
		if set[match[1]] == "" {
			t.Errorf("%s is read and not set", match[1])
		}
	}
	for _, name := range []string{"command-api", "projector", "clearing"} {
		url := environment(project.Services[name])["NATS_URL"]
		if !strings.HasPrefix(url, "nats://"+name+":") || !strings.Contains(conf, "user: "+name+"\n") {
			t.Errorf("%s comes to NATS as %s", name, url)
		}
	}
	if url := environment(project.Services["query-api"])["NATS_URL"]; url != "" {
		t.Errorf("query-api needs no NATS and has %s", url)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
