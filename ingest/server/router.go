package server

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"leadlog/ingest/problem"
)

// methods are what one path answers. HEAD comes with GET.
type methods map[string]http.Handler

// router finds the handler of a path. The one rule is that a path has one spelling: the target as it was sent, up to its
// query, must be a path of the table byte for byte. Whatever means the same to somebody else (%2F, //, /./, another case, a
// slash at the end) is not found, and nothing is redirected, so that what a proxy lets through by its spelling can't reach
// what it would have stopped. net/http's own mux decodes, cleans and redirects.
//
// An absolute address has to be taken (RFC 9112, 3.2.2). It is one for the path that it ends with, and the same rule holds for
// that.
//
// A path of the table that ends with a slash is a tree: it answers for all clean paths below.
type router struct {
	paths    map[string]*route
	trees    []string
	notFound http.Handler
}

// problems makes the handler of a problem that is the answer to every request.
type problems func(problem.Problem) http.Handler

type route struct {
	methods    methods
	notAllowed http.Handler
}

func newRouter(table map[string]methods, problems problems) *router {
	rt := &router{
		paths:    make(map[string]*route),
		notFound: problems(problem.Problem{Status: http.StatusNotFound, Code: "not_found"}),
	}
	for path, answered := range table {
		answered = maps.Clone(answered)
		if get := answered[http.MethodGet]; get != nil && answered[http.MethodHead] == nil {
			answered[http.MethodHead] = get
		}
		rt.paths[path] = &route{answered, problems(problem.Problem{
			Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
			Allow: strings.Join(slices.Sorted(maps.Keys(answered)), ", "),
		})}
		if path != "/" && strings.HasSuffix(path, "/") {
			rt.trees = append(rt.trees, path)
		}
	}
	return rt
}

func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler := rt.notFound
	takesBody := false
	if route := rt.find(pathOf(r)); route != nil {
		handler = route.methods[r.Method]
		takesBody = handler != nil && r.Method == http.MethodPost
		if handler == nil {
			handler = route.notAllowed
		}
	}
	if r.ContentLength != 0 && !takesBody {
		w.Header().Set("Connection", "close") // or the answer would wait for a body that nobody reads
	}
	handler.ServeHTTP(w, r)
}

// pathOf returns the path of a request's target as it was sent. Of an absolute address that is what follows the host: net/http
// has read it already, and takes its host for the request's, whatever the header says. With a user in it, or over HTTP/2, which
// has no such targets, it stays whole, and is no path.
func pathOf(r *http.Request) string {
	target, _, _ := strings.Cut(r.RequestURI, "?")
	scheme, rest, absolute := strings.Cut(target, "://")
	if !absolute || r.ProtoMajor != 1 || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return target
	}
	behindHost, found := strings.CutPrefix(rest, r.Host)
	switch {
	case !found || r.Host == "":
		return target
	case behindHost == "":
		return "/"
	}
	return behindHost
}

func (rt *router) find(target string) *route {
	if route := rt.paths[target]; route != nil {
		return route
	}
	for _, tree := range rt.trees {
		if strings.HasPrefix(target, tree) && clean(target) {
			return rt.paths[tree]
		}
	}
	return nil
}

// clean says whether a path has no other spelling.
func clean(target string) bool {
	return !strings.ContainsAny(target, `%\;`) && path.Clean(target) == target
}
