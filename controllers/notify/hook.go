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
	// hookBody bounds the body of a request, in bytes. An event of EventBridge has at most one million.
	hookBody = 1 << 20
	// hookToken bounds the file of the token, in bytes.
	hookToken = 4096
	// hookPerSecond requests are answered, and hookBurst at once.
	hookPerSecond, hookBurst = 50, 200
	// hookWithin bounds a request. EventBridge gives up after five seconds (page "API destinations").
	hookWithin = 5 * time.Second
)

// Hook takes events by HTTP, for those who have no queue. It is served by every replica, as a Service does
// not know which of them leads: those that do not answer 503, after which EventBridge tries again.
type Hook struct {
	// Feed takes the events.
	Feed *Feed
	// Address to listen on.
	Address string
	// TokenFile has the token that requests must bear. It is read for each, so that a new one counts at once.
	TokenFile string
	// CertDir has tls.crt and tls.key, which are read anew when they change. Default: plain HTTP.
	CertDir string
	// Leads is closed once this replica does.
	Leads <-chan struct{}
	// Limit bounds the requests that bear the token. Default: fifty a second, two hundred at once.
	Limit *rate.Limiter

	// tokenless says that the token could not be read last time.
	tokenless atomic.Bool
}

// NeedLeaderElection says that every replica serves the hook.
func (h *Hook) NeedLeaderElection() bool { return false }

// Start serves until ctx ends.
func (h *Hook) Start(ctx context.Context) error {
	if _, err := h.token(); err != nil {
		return err
	}
	options := serve.Options{Name: "change events", Address: h.Address, Handler: h.Handler(), Within: 2 * hookWithin}
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

// Handler answers POST /events with 202 where all events are done with or need nothing, 400 where one can't
// be read, 401 without the token, 413 where the body is too long, 429 where there are too many, and 503 where this
// replica does not lead, or they could not be handed on.
func (h *Hook) Handler() http.Handler {
	if h.Limit == nil {
		h.Limit = rate.NewLimiter(hookPerSecond, hookBurst)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+HookPath, h.serve)
	return mux
}

func (h *Hook) serve(writer http.ResponseWriter, request *http.Request) {
	status, says := h.answer(request)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		writer.Header().Set("Retry-After", "1")
	}
	if status == http.StatusAccepted {
		writer.WriteHeader(status)
		return
	}
	http.Error(writer, says, status)
}

// answer looks at a request no longer than it needs to: who does not bear the token costs next to nothing.
func (h *Hook) answer(request *http.Request) (status int, says string) {
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
	body, err := io.ReadAll(io.LimitReader(request.Body, hookBody+1))
	switch {
	case err != nil:
		return http.StatusBadRequest, "the body could not be read"
	case len(body) > hookBody:
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", hookBody)
	}
	return h.take(request.Context(), body)
}

// take handles all events of a body, those behind one that can't be read too.
func (h *Hook) take(ctx context.Context, body []byte) (status int, says string) {
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
			status, says = http.StatusBadRequest, fmt.Sprintf("event %d: %v", number+1, errMalformed)
		case result.err != nil && !errors.Is(result.err, errMalformed):
			ctrl.LoggerFrom(ctx).Error(result.err, "a change event could not be handed on")
			status, says = http.StatusServiceUnavailable, "an event could not be handed on: try again"
		}
	}
	return status, says
}

// split gives the events of a body.
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

// authorize compares digests, which takes as long whatever is sent.
func (h *Hook) authorize(request *http.Request) error {
	want, err := h.token()
	if lost := err != nil; h.tokenless.Swap(lost) != lost && lost {
		ctrl.LoggerFrom(request.Context()).Error(err, "nobody is let in to send change events")
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

// hookTokenLeast is how long a token must be, in characters: shorter ones can be guessed.
const hookTokenLeast = 16

// token is what the file has, without blanks around it.
func (h *Hook) token() (string, error) {
	file, err := os.Open(h.TokenFile)
	if err != nil {
		return "", fmt.Errorf("reading the token for change events: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, hookToken+1))
	if err != nil {
		return "", fmt.Errorf("reading the token for change events: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if len(token) < hookTokenLeast || len(content) > hookToken {
		return "", fmt.Errorf("the token for change events in %s must have between %d and %d characters", h.TokenFile, hookTokenLeast, hookToken)
	}
	return token, nil
}
