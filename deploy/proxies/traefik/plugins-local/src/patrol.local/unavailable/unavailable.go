// Package unavailable is a middleware of Traefik in front of Patrol. Traefik answers for a server that
// does not answer with 502 or 504 and no words for a client; this answers with a problem instead.
// Answers of Patrol pass.
package unavailable

import (
	"context"
	"net/http"
)

const problem = `{"type":"urn:patrol:problem:revocation-unavailable","title":"Token status unavailable","status":503,"detail":"Whether the token was revoked cannot be checked right now. Try again in a moment.","code":"revocation-unavailable"}`

// Config has no members.
type Config struct{}

// CreateConfig is called by Traefik.
func CreateConfig() *Config { return &Config{} }

// New is called by Traefik.
func New(_ context.Context, next http.Handler, _ *Config, _ string) (http.Handler, error) {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		next.ServeHTTP(&writer{ResponseWriter: response}, request)
	}), nil
}

type writer struct {
	http.ResponseWriter
	replaced bool
}

func (w *writer) WriteHeader(status int) {
	header := w.Header()
	isTraefiks := status == http.StatusBadGateway || status == http.StatusGatewayTimeout
	if !isTraefiks || header.Get("Content-Type") == "application/problem+json" {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.replaced = true
	header.Del("Content-Length")
	header.Set("Content-Type", "application/problem+json")
	header.Set("Retry-After", "1")
	header.Set("Cache-Control", "no-store")
	header.Set("Access-Control-Allow-Origin", "*")
	w.ResponseWriter.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.ResponseWriter.Write([]byte(problem))
}

// Write drops Traefik's own text.
func (w *writer) Write(body []byte) (int, error) {
	if w.replaced {
		return len(body), nil
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap lets a stream be flushed.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what has been written so far.
func (w *writer) Flush() {
	if flusher, ok := w.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
}
