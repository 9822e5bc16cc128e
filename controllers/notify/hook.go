package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"

	"github.com/secretsync/secretsync/controllers/serve"
)

const (
	// HookPath is where events are posted to.
	HookPath = "/events"
	// hookBodyMax bounds the body of a request, in bytes. An event of EventBridge has at most one million.
	hookBodyMax = 1 << 20
	// hookTokenMax bounds the file of the token, in bytes.
	hookTokenMax = 4096
	// hookPerSecond is the maximum rate of requests, and hookBurst how many may come at once.
	hookPerSecond, hookBurst = 50, 200
	// hookTimeout bounds a request. EventBridge gives up after five seconds (page "API destinations").
	hookTimeout = 5 * time.Second
)

// Hook receives events by HTTP, for clusters without a queue. Every replica serves it, because a Service does not know
// which replica leads: the other replicas answer 503, after which EventBridge tries again.
type Hook struct {
	// Feed handles the events.
	Feed *Feed
	// Address to listen on.
	Address string
	// TokenFile is the file of the bearer token that requests must have. It is read for each request, so that a new
	// token is used at once.
	TokenFile string
	// CertDir is the directory of tls.crt and tls.key, which are reloaded when they change. Default: plain HTTP.
	CertDir string
	// Leads is closed once this replica leads.
	Leads <-chan struct{}
	// Limit bounds the requests that have the token. Default: fifty a second, two hundred at once.
	Limit *rate.Limiter

	// tokenless says whether the token could not be read for the latest request.
	tokenless atomic.Bool
}

// NeedLeaderElection returns false: every replica serves the hook.
func (h *Hook) NeedLeaderElection() bool { return false }

// Start serves until ctx ends.
func (h *Hook) Start(ctx context.Context) error {
	if _, err := h.token(); err != nil {
		return err
	}
	options := serve.Options{Name: "change events", Address: h.Address, Handler: h.Handler(), Timeout: 2 * hookTimeout}
	if h.CertDir != "" {
		certificates, err := certwatcher.New(filepath.Join(h.CertDir, "tls.crt"), filepath.Join(h.CertDir, "tls.key"))
		if err != nil {
			return fmt.Errorf("reading the certificate for change events: %w", err)
		}
		go func() {
			if err := certificates.Start(ctx); err != nil {
				ctrl.LoggerFrom(ctx).Error(err, "the certificate for change events is no longer reloaded")
			}
		}()
		options.Certificate = certificates.GetCertificate
	}
	server, err := serve.Listen(ctx, options)
	if err != nil {
		return err
	}
	return server.Start(ctx)
}

// Handler answers POST /events with 202 if no event must be delivered again, 400 if an event cannot be parsed, 401
// without the token, 413 if the body is too long, 429 if there are too many requests, and 503 if this replica does not
// lead, or if an event could not be handed on.
func (h *Hook) Handler() http.Handler {
	if h.Limit == nil {
		h.Limit = rate.NewLimiter(hookPerSecond, hookBurst)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+HookPath, h.serve)
	return mux
}

func (h *Hook) serve(writer http.ResponseWriter, request *http.Request) {
	status, text := h.answer(request)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		writer.Header().Set("Retry-After", "1")
	}
	if status == http.StatusAccepted {
		writer.WriteHeader(status)
		return
	}
	http.Error(writer, text, status)
}

// answer checks the token before anything else, so that a request without the token costs next to nothing.
func (h *Hook) answer(request *http.Request) (status int, text string) {
	if err := h.authorize(request); err != nil {
		h.Feed.Metrics.events.WithLabelValues(outcomeUnauthorized).Inc()
		return http.StatusUnauthorized, "the header Authorization must be: Bearer, and the token"
	}
	select {
	case <-h.Leads:
	default:
		return http.StatusServiceUnavailable, "another replica leads: try again"
	}
	if !h.Limit.Allow() {
		h.Feed.Metrics.events.WithLabelValues(outcomeLimited).Inc()
		return http.StatusTooManyRequests, "too many requests: try again"
	}
	body, err := io.ReadAll(io.LimitReader(request.Body, hookBodyMax+1))
	switch {
	case err != nil:
		return http.StatusBadRequest, "the body could not be read"
	case len(body) > hookBodyMax:
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", hookBodyMax)
	}
	return h.take(request.Context(), body)
}

// take handles all events of a body. An event that cannot be parsed does not stop the others.
func (h *Hook) take(ctx context.Context, body []byte) (status int, text string) {
	events, err := split(body)
	if err != nil {
		h.Feed.Metrics.events.WithLabelValues(outcomeMalformed).Inc()
		return http.StatusBadRequest, "the body must be an event of EventBridge, or a JSON list of them"
	}
	status = http.StatusAccepted
	for number, event := range events {
		result := h.Feed.take(ctx, event)
		switch {
		case errors.Is(result.err, errMalformed) && status == http.StatusAccepted:
			status, text = http.StatusBadRequest, fmt.Sprintf("event %d: %v", number+1, errMalformed)
		case result.err != nil && !errors.Is(result.err, errMalformed):
			ctrl.LoggerFrom(ctx).Info("a change event could not be handed on: the sender has to repeat it", "error", result.err.Error())
			status, text = http.StatusServiceUnavailable, "an event could not be handed on: try again"
		}
	}
	return status, text
}

// split returns the events of a body: one event, or a JSON list of events.
func split(body []byte) ([]json.RawMessage, error) {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '[' {
		return []json.RawMessage{body}, nil
	}
	var events []json.RawMessage
	if err := json.Unmarshal(body, &events); err != nil {
		return nil, errMalformed
	}
	return events, nil
}

// authorize compares digests, which takes the same time for every token.
func (h *Hook) authorize(request *http.Request) error {
	want, err := h.token()
	if tokenless := err != nil; h.tokenless.Swap(tokenless) != tokenless && tokenless {
		ctrl.LoggerFrom(request.Context()).Error(err, "all change events are refused until the token can be read")
	}
	if err != nil {
		return err
	}
	scheme, got, _ := strings.Cut(request.Header.Get("Authorization"), " ")
	a, b := sha256.Sum256([]byte(strings.TrimSpace(got))), sha256.Sum256([]byte(want))
	if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(a[:], b[:]) != 1 {
		return errors.New("the token is missing or wrong")
	}
	return nil
}

// hookTokenMin is the minimum length of the token, in bytes: shorter tokens can be guessed.
const hookTokenMin = 16

// token is the content of the token file, without spaces around it.
func (h *Hook) token() (string, error) {
	file, err := os.Open(h.TokenFile)
	if err != nil {
		return "", fmt.Errorf("reading the token for change events: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, hookTokenMax+1))
	if err != nil {
		return "", fmt.Errorf("reading the token for change events: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if len(token) < hookTokenMin || len(content) > hookTokenMax {
		return "", fmt.Errorf("the token for change events in %s must have between %d and %d characters", h.TokenFile, hookTokenMin, hookTokenMax)
	}
	return token, nil
}
