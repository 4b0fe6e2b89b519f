package server

import (
	"net/http"

	"leadlog/ingest/page"
	"leadlog/ingest/problem"
	"leadlog/ingest/submit"
	"leadlog/ops/telemetry"
)

// routes is everything that the public listeners answer. Metrics, profiles and the details of health are on the private one.
func routes(endpoint *submit.Handler, pages *page.Pages, health *telemetry.Health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+page.SubmitPath, endpoint)
	mux.HandleFunc("OPTIONS "+page.SubmitPath, endpoint.Preflight)
	mux.Handle(page.SubmitPath, problem.Handler(problem.Problem{
		Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Allow: submit.Allow,
	}))
	mux.HandleFunc("GET "+page.IndexPath+"{$}", pages.Index)
	mux.HandleFunc("GET "+page.ThanksPath, pages.Thanks)
	health.Register(mux, false)
	mux.Handle("/", problem.Handler(problem.Problem{Status: http.StatusNotFound, Code: "not_found"}))
	return mux
}
