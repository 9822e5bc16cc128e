package notify

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	ctrl "sigs.k8s.io/controller-runtime"
)

// hidden is in the bodies of these tests, and must not be in any log line.
const hidden = "hunter2"

// logged is a context whose logger records all lines, including debug lines, and a function that returns them.
func logged(t *testing.T) (ctx context.Context, lines func() string) {
	var all strings.Builder
	log := funcr.New(func(_, line string) { all.WriteString(line + "\n") }, funcr.Options{Verbosity: 10})
	return ctrl.LoggerInto(t.Context(), log), all.String
}

// wantsLog checks that what happened is logged, and that nothing of a body, a header or a token is.
func wantsLog(t *testing.T, log string, said ...string) {
	t.Helper()
	for _, text := range said {
		if !strings.Contains(log, text) {
			t.Errorf("%q is not logged", text)
		}
	}
	for _, secret := range []string{hidden, token, "sourceIPAddress", "requestParameters"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

// bodies are valid and malformed events, each with what must not be logged.
func bodies() map[string]string {
	return map[string]string{
		"no JSON": "password=" + hidden, "JSON": `{"password": "` + hidden + `"}`, "half an event": put[:len(put)-1] + hidden,
		"a wrong type":        `{"source": "aws.secretsmanager", "detail-type": {"` + hidden + `": 1}}`,
		"no name of a secret": called("PutSecretValue", `{"secretString": "`+hidden+`"}`, `null`),
		"more than is needed": called("PutSecretValue", `{"secretId": "/prod/db", "secretString": "`+hidden+`"}`, `{"arn": "`+dbARN+`"}`),
	}
}

func TestNoMessageOfTheQueueIsLogged(t *testing.T) {
	ctx, log := logged(t)
	for name, body := range bodies() {
		f := newFixture(t, two)
		f.consumer.handle(ctx, []Message{{Body: body, Receipt: name + hidden}})
		f.set(func() { f.notifyErr, f.deleteErr = errors.New("not there yet"), errors.New("cut off") })
		f.consumer.handle(ctx, []Message{{Body: body, Receipt: hidden}, {Body: read, Receipt: hidden}})
	}
	wantsLog(t, log(), "cannot be parsed", "could not be handed on", "could not be deleted", "change event")
}

func TestNothingThatIsPostedIsLogged(t *testing.T) {
	ctx, log := logged(t)
	post := func(h *hookFixture, authorization, body string) {
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, HookPath, strings.NewReader(body))
		request.Header.Set("Authorization", authorization)
		if _, says := h.hook.answer(request); strings.Contains(says, hidden) || strings.Contains(says, token) {
			t.Errorf("answered %q", says)
		}
	}
	for _, body := range bodies() {
		h := newLeadingHook(t)
		post(h, "Bearer "+token, body)
		h.set(func() { h.notifyErr = errors.New("not there yet") })
		post(h, "Bearer "+token, body)
		h.write(hidden)
		post(h, "Bearer "+hidden, body)
		if err := os.Remove(h.hook.TokenFile); err != nil {
			t.Fatal(err)
		}
		post(h, "Bearer "+hidden, body)
	}
	wantsLog(t, log(), "could not be handed on", "all change events are refused", "change event")
}

// A proxy or a browser may send passwords in other ways, and URLs are logged.
func TestTheTokenIsAcceptedAsABearerTokenOnly(t *testing.T) {
	h := newLeadingHook(t)
	basic := func(login string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(login)) }
	for _, authorization := range []string{
		basic(token), basic(":" + token), basic("user:" + token), basic(token + ":"), basic("Bearer " + token), "Basic " + token,
		"Token " + token, "ApiKey " + token, "Digest " + token, "Bearer:" + token, "Bearer\t" + token, "BearerBearer " + token, "Bearer Bearer " + token,
	} {
		if status, _ := h.post(authorization, put); status != http.StatusUnauthorized {
			t.Errorf("%q is answered %d", strings.ReplaceAll(authorization, token, "<token>"), status)
		}
	}
	for _, query := range []string{"?token=", "?access_token=", "?Authorization=Bearer%20"} {
		request := httptest.NewRequest(http.MethodPost, HookPath+query+token, strings.NewReader(put))
		request.Header.Set("X-Api-Key", token)
		request.Header.Set("Proxy-Authorization", "Bearer "+token)
		if status, _ := h.hook.answer(request); status != http.StatusUnauthorized {
			t.Errorf("a token in the URL (%s) is answered %d", query, status)
		}
	}
	h.want("done", h.takeDone(), nil)
}

// endless is a body that does not end by itself.
type endless struct{ read int }

func (e *endless) Read(into []byte) (int, error) {
	if e.read > 16<<20 {
		return 0, io.EOF
	}
	e.read += len(into)
	return copy(into, strings.Repeat(" ", len(into))), nil
}

func TestWhatTheHookTakesIsBounded(t *testing.T) {
	h := newLeadingHook(t)
	body := &endless{}
	request := httptest.NewRequest(http.MethodPost, HookPath, body)
	request.Header.Set("Authorization", "Bearer "+token)
	const most = 1 << 20
	if status, _ := h.hook.answer(request); status != http.StatusRequestEntityTooLarge || body.read > most+most/8 {
		t.Errorf("a body without end is answered %d after %d bytes", status, body.read)
	}
	if status, _ := h.post("Bearer "+token, put+strings.Repeat(" ", most-len(put))); status != http.StatusAccepted {
		t.Errorf("a body of %d bytes is answered %d", most, status)
	}
	if perSecond, burst := h.hook.Limit.Limit(), h.hook.Limit.Burst(); perSecond != 50 || burst != 200 {
		t.Errorf("%v requests a second are taken, %d at once", perSecond, burst)
	}
	for length, want := range map[int]int{15: http.StatusUnauthorized, 16: http.StatusAccepted, 4096: http.StatusAccepted, 4097: http.StatusUnauthorized} {
		h.write(strings.Repeat("x", length))
		if status, _ := h.post("Bearer "+strings.Repeat("x", length), put); status != want {
			t.Errorf("a token of %d characters is answered %d, want %d", length, status, want)
		}
	}
}
