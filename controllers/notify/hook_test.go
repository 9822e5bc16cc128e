package notify

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"golang.org/x/time/rate"
	ctrl "sigs.k8s.io/controller-runtime"
)

const token = "a-token-of-some-length"

// hookFixture is a hook that answers over real HTTP.
type hookFixture struct {
	*fixture
	hook *Hook
	url  string
	lead chan struct{}
}

func newHook(t *testing.T) *hookFixture {
	t.Helper()
	h := &hookFixture{fixture: newFixture(t, two), lead: make(chan struct{})}
	h.hook = &Hook{Feed: h.feed, TokenFile: filepath.Join(t.TempDir(), "token"), Leads: h.lead}
	h.write(token + "\n")
	server := httptest.NewServer(h.hook.Handler())
	t.Cleanup(server.Close)
	h.url = server.URL + HookPath
	return h
}

// newLeadingHook is the hook of the replica that leads.
func newLeadingHook(t *testing.T) *hookFixture {
	t.Helper()
	h := newHook(t)
	close(h.lead)
	return h
}

func (h *hookFixture) write(token string) {
	h.Helper()
	if err := os.WriteFile(h.hook.TokenFile, []byte(token), 0o600); err != nil {
		h.Fatal(err)
	}
}

// post returns the status and the body of the answer.
func (h *hookFixture) post(authorization, body string) (int, string) {
	h.Helper()
	request, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.url, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		h.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestTheHookTakesEvents(t *testing.T) {
	notified := []string{"notified also of PutSecretValue", "notified db of PutSecretValue"}
	for name, test := range map[string]struct {
		body   string
		status int
		want   []string
	}{
		"an event":                    {put, http.StatusAccepted, notified},
		"a list of events":            {"\n [" + read + "," + put + "," + foreign + "]", http.StatusAccepted, notified},
		"an empty list":               {"[]", http.StatusAccepted, nil},
		"an event without a match":    {foreign, http.StatusAccepted, nil},
		"one that is no change":       {read, http.StatusAccepted, nil},
		"nothing":                     {"", http.StatusBadRequest, nil},
		"no JSON":                     {"password=hunter2", http.StatusBadRequest, nil},
		"half a list":                 {"[" + put, http.StatusBadRequest, nil},
		"a list that is bad in parts": {`[{"a": "hunter2"},` + put + `]`, http.StatusBadRequest, notified},
		"more than fits":              {strings.Repeat(" ", hookBodyMax) + put, http.StatusRequestEntityTooLarge, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newLeadingHook(t)
			status, text := h.post("Bearer "+token, test.body)
			if status != test.status || strings.Contains(text, "hunter2") {
				t.Errorf("answered %d %q, want %d", status, text, test.status)
			}
			h.want("done", h.takeDone(), test.want)
		})
	}
}

func TestTheHookRefusesRequestsWithoutTheToken(t *testing.T) {
	h := newLeadingHook(t)
	for _, authorization := range []string{"", token, "Bearer", "Bearer ", "Bearer " + token + "x", "Bearer " + token[1:], "Basic " + token} {
		if status, text := h.post(authorization, put); status != http.StatusUnauthorized || strings.Contains(text, token) {
			t.Errorf("%q: answered %d %q", authorization, status, text)
		}
	}
	h.want("done", h.takeDone(), nil)
	if got := h.counted(outcomeUnauthorized); got != 7 {
		t.Errorf("%v requests were counted", got)
	}
	if status, _ := h.post("bearer "+token, put); status != http.StatusAccepted {
		t.Errorf("the right token is answered %d", status)
	}
}

func TestANewTokenCountsAtOnce(t *testing.T) {
	h := newLeadingHook(t)
	h.write("another-token-of-some-length")
	if status, _ := h.post("Bearer "+token, put); status != http.StatusUnauthorized {
		t.Errorf("the former token is answered %d", status)
	}
	if status, _ := h.post("Bearer another-token-of-some-length", put); status != http.StatusAccepted {
		t.Errorf("the new token is answered %d", status)
	}
	for _, unusable := range []string{"", "   \n", "short", strings.Repeat("x", hookTokenMax+1)} {
		h.write(unusable)
		if status, _ := h.post("Bearer "+strings.TrimSpace(unusable), put); status != http.StatusUnauthorized {
			t.Errorf("a token of %d characters is answered %d", len(unusable), status)
		}
	}
	if err := os.Remove(h.hook.TokenFile); err != nil {
		t.Fatal(err)
	}
	if status, _ := h.post("Bearer another-token-of-some-length", put); status != http.StatusUnauthorized {
		t.Errorf("without a file the answer is %d", status)
	}
}

func TestAReplicaThatDoesNotLeadHasEventsComeAgain(t *testing.T) {
	h := newHook(t)
	if status, _ := h.post("Bearer "+token, put); status != http.StatusServiceUnavailable {
		t.Errorf("answered %d", status)
	}
	h.want("done", h.takeDone(), nil)
	close(h.lead)
	if status, _ := h.post("Bearer "+token, put); status != http.StatusAccepted {
		t.Errorf("the leader answers %d", status)
	}
}

func TestWhatTheHookCannotHandOnComesAgain(t *testing.T) {
	h := newLeadingHook(t)
	h.set(func() { h.notifyErr = errors.New("not there yet") })
	if status, _ := h.post("Bearer "+token, "["+put+`,{}]`); status != http.StatusServiceUnavailable {
		t.Errorf("answered %d", status)
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	h := newLeadingHook(t)
	h.hook.Limit = rate.NewLimiter(0, 1)
	for number, want := range []int{http.StatusUnauthorized, http.StatusAccepted, http.StatusTooManyRequests} {
		authorization := "Bearer " + token
		if number == 0 {
			authorization = "Bearer this-is-a-wrong-token" // It does not count for the limit.
		}
		if status, _ := h.post(authorization, put); status != want {
			t.Errorf("request %d is answered %d, want %d", number, status, want)
		}
	}
	if got := h.counted(outcomeLimited); got != 1 {
		t.Errorf("%v requests were counted", got)
	}
}

func TestTheHookHasOnePath(t *testing.T) {
	h := newLeadingHook(t)
	for method, url := range map[string]string{http.MethodGet: h.url, http.MethodPut: h.url, http.MethodPost: strings.TrimSuffix(h.url, HookPath) + "/"} {
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(put))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusMethodNotAllowed && answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s is answered %d", method, url, answer.StatusCode)
		}
	}
}

func TestTheHookServesTLSUntilItIsStopped(t *testing.T) {
	h := newLeadingHook(t)
	h.hook.CertDir = t.TempDir()
	certificate := certify(t, h.hook.CertDir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.hook.Address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 100)
	log := funcr.New(func(_, line string) { said <- line }, funcr.Options{Verbosity: 1})
	ctx, stop := context.WithCancel(ctrl.LoggerInto(t.Context(), log))
	ended := make(chan error, 1)
	go func() { ended <- h.hook.Start(ctx) }()
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	status := 0
	for status == 0 {
		select {
		case err := <-ended: // Another process may have taken the port meanwhile.
			t.Fatalf("the hook does not start: %v", err)
		default:
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+h.hook.Address+HookPath, bytes.NewReader([]byte(put)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := client.Do(request)
		if errors.Is(err, os.ErrDeadlineExceeded) || t.Context().Err() != nil {
			t.Fatal(err)
		} else if err != nil {
			continue // It does not listen yet.
		}
		answer.Body.Close()
		status = answer.StatusCode
	}
	client.CloseIdleConnections()
	failHandshake(t, h.hook.Address)
	awaitDetail(t, said, "TLS handshake error")
	if stop(); status != http.StatusAccepted {
		t.Errorf("answered %d", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("the hook ended with %v", err)
	}
}

// failHandshake speaks HTTP where TLS is spoken.
func failHandshake(t *testing.T, address string) {
	t.Helper()
	plain, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
}

// awaitDetail waits until a text is logged at debug level.
func awaitDetail(t *testing.T, said <-chan string, text string) {
	t.Helper()
	for line := ""; !strings.Contains(line, text) || !strings.Contains(line, `"level"=1`); {
		select {
		case line = <-said:
		case <-time.After(time.Minute):
			t.Fatalf("%q is not logged as a detail", text)
		}
	}
}

func TestAHookThatLacksSomethingDoesNotStart(t *testing.T) {
	h := newLeadingHook(t)
	h.hook.Address = "127.0.0.1:0"
	h.hook.CertDir = t.TempDir()
	if err := h.hook.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without a certificate: %v", err)
	}
	h.write("")
	if err := h.hook.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("without a token: %v", err)
	}
}

// certify writes a certificate for 127.0.0.1 that signs itself.
func certify(t *testing.T, directory string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: signed}, "tls.key": {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(directory, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(signed)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
