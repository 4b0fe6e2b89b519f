// Package flags reads the command line of every program the same way: each flag has its twin in the environment (--kafka-brokers
// and KAFKA_BROKERS), the command line wins, and whatever can't be understood ends with exit code 2.
package flags

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes of every program.
const (
	Done        = 0
	Failed      = 1
	Usage       = 2
	Differences = 3 // differences found, or unhealthy
)

// ErrDifferences is wrapped by the error of a command that worked, and found something that is not as it should be.
var ErrDifferences = errors.New("not as it should be")

// ErrHelp is returned when help was asked for, and printed.
var ErrHelp = errors.New("help")

// UsageError says that the command line or the environment can't be used as it is.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Code returns the exit code that belongs to what a program's run function returned.
func Code(err error) int {
	var usage UsageError
	switch {
	case err == nil, errors.Is(err, ErrHelp):
		return Done
	case errors.As(err, &usage):
		return Usage
	case errors.Is(err, ErrDifferences):
		return Differences
	}
	return Failed
}

// Parse fills cli, a pointer to a struct with kong's tags, from args and the environment. It never exits: help goes to
// stdout and comes back as ErrHelp, and everything else that is wrong as a UsageError.
func Parse(cli any, args []string, getenv func(string) string, stdout io.Writer, opts ...kong.Option) (*kong.Context, error) {
	helped := false
	parser, err := kong.New(cli, append([]kong.Option{
		kong.Writers(stdout, stdout),
		kong.Exit(func(int) { helped = true }), // kong goes on parsing; what it finds then does not matter
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.ValueFormatter(withTwin),
		kong.Resolvers(environment(getenv)),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("command line: %w", err)
	}
	parsed, err := parser.Parse(args)
	switch {
	case helped:
		return nil, ErrHelp
	case err != nil:
		return nil, Usagef("%s", withTwins(err.Error(), twinned(parser.Model.Node)))
	}
	return parsed, nil
}

// EnvName returns the environment's name of a flag: KAFKA_BROKERS for kafka-brokers.
func EnvName(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }

// environment resolves each flag that the command line leaves out. kong's own env tags read the process' environment, and
// tests run many programs in one process.
func environment(getenv func(string) string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if flag.Tag.Has("noenv") || flag.Name == "help" {
			return nil, nil
		}
		if value := getenv(EnvName(flag.Name)); value != "" {
			return value, nil
		}
		return nil, nil
	})
}

// twinned returns the flags, of a command and of all below it, that a variable stands for.
func twinned(node *kong.Node) []string {
	var names []string
	for _, flag := range node.Flags {
		if !flag.Tag.Has("noenv") && flag.Name != "help" {
			names = append(names, "--"+flag.Name)
		}
	}
	for _, child := range node.Children {
		names = append(names, twinned(child)...)
	}
	return names
}

// withTwins names the variable beside each flag that an error names: whoever configures by the environment knows no flags.
func withTwins(text string, twinned []string) string {
	return regexp.MustCompile(`--[a-z][a-z-]+[a-z]`).ReplaceAllStringFunc(text, func(flag string) string {
		if !slices.Contains(twinned, flag) {
			return flag
		}
		return flag + " (" + EnvName(strings.TrimPrefix(flag, "--")) + ")"
	})
}

func withTwin(value *kong.Value) string {
	if value.Flag == nil || value.Tag.Has("noenv") || value.Name == "help" {
		return value.Help
	}
	return strings.TrimSpace(value.Help + " ($" + EnvName(value.Name) + ")")
}
