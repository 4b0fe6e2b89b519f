package server

import (
	"net/http"

	"leadlog/ingest/apidocs"
	"leadlog/ingest/gate"
	"leadlog/ingest/media"
	"leadlog/ingest/page"
	"leadlog/ingest/submit"
)

// routes is everything that the public listeners answer. Metrics, profiles and the details of health are on the private one.
func (e *edge) routes(endpoint *submit.Handler, docs *apidocs.Docs) http.Handler {
	probes := http.NewServeMux()
	e.cfg.Health.Register(probes, false)
	get := func(handler http.HandlerFunc) methods { return methods{http.MethodGet: handler} }
	return newRouter(map[string]methods{
		page.IndexPath:     get(e.pages.Index),
		page.ThanksPath:    get(e.pages.Thanks),
		page.SubmitPath:    {http.MethodPost: endpoint, http.MethodOptions: http.HandlerFunc(endpoint.Preflight)},
		media.Path:         get(downloads(gate.NewShares(mediaShare), e.cfg.TrustedProxies, e.media.ServeHTTP)),
		apidocs.SchemaPath: get(docs.Schema),
		apidocs.ViewerPath: get(docs.Viewer),
		apidocs.StaticPath: get(docs.Static),
		"/livez":           get(probes.ServeHTTP),
		"/readyz":          get(probes.ServeHTTP),
		"/healthz":         get(probes.ServeHTTP),
	}, e.pages.Problem)
}
