// Package deploy_test holds compose.yml and the image against the programs as they are: their flags, their ports, their
// healthchecks, the topics' contract. No container engine is needed, so what the other images hold is taken on trust.
package deploy_test

import (
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

// load reads compose.yml as `docker compose` would, with these variables set and no .env file.
func load(t *testing.T, variables ...string) *types.Project {
	t.Helper()
	opts, err := cli.NewProjectOptions([]string{filepath.Join(root, "compose.yml")},
		cli.WithEnv(variables), cli.WithInterpolation(true), cli.WithNormalization(true),
		cli.WithConsistency(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := opts.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// names lists the services in order.
func names(project *types.Project) []string {
	all := project.ServiceNames()
	slices.Sort(all)
	return all
}

// ours says whether a service runs a program of this repository.
func ours(service types.ServiceConfig) bool { return service.Build != nil }

// program is which one: ingest, projectors or ops.
func program(service types.ServiceConfig) string { return path.Base(service.Command[0]) }

// once says whether a service ends by itself.
func once(service types.ServiceConfig) bool { return service.Restart == types.RestartPolicyNo }

// env is a service's environment.
func env(service types.ServiceConfig) map[string]string {
	values := make(map[string]string, len(service.Environment))
	for name, value := range service.Environment {
		if value != nil {
			values[name] = *value
		}
	}
	return values
}

// users lists the services of a project that run a program.
func users(project *types.Project, of string) []types.ServiceConfig {
	var found []types.ServiceConfig
	for _, name := range names(project) {
		if s := project.Services[name]; ours(s) && program(s) == of {
			found = append(found, s)
		}
	}
	return found
}
