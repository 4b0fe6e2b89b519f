package pgtest

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// A Template is a database that tests get copies of: what fill makes, such as tables, is made once for all tests of a
// package. Make one as a package's variable, with NewTemplate.
type Template struct {
	fill func(ctx context.Context, url string) error

	mu   sync.Mutex
	name string // of the database; empty until it is filled
}

// NewTemplate returns a template that is filled when the first test asks for a copy. Fill has to close its connections:
// PostgreSQL copies no database that somebody is connected to.
func NewTemplate(fill func(ctx context.Context, url string) error) *Template {
	return &Template{fill: fill}
}

// New returns the URL of a new copy, which is dropped, connections and all, at the end of the test.
func (p *Template) New(t testing.TB) string {
	t.Helper()
	name, err := p.filled(t.Context())
	if err != nil {
		t.Fatalf("pgtest: fill a template: %v", err)
	}
	return newFrom(t, name)
}

// filled returns the name of the database to copy. When it couldn't be made, the next test tries again.
func (p *Template) filled(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.name != "" {
		return p.name, nil
	}
	admin, err := shared.url(ctx)
	if err != nil {
		return "", err
	}
	name := newName()
	url, err := withDatabase(admin, name)
	if err != nil {
		return "", err
	}
	if err := execute(ctx, admin, createDatabase(name, pristine)); err != nil {
		return "", err
	}
	if err := p.fill(ctx, url); err != nil {
		return "", errors.Join(err, execute(context.WithoutCancel(ctx), admin, dropDatabase(name)))
	}
	shared.atClose(func(ctx context.Context) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.name = ""
		return execute(ctx, admin, dropDatabase(name))
	})
	p.name = name
	return name, nil
}
