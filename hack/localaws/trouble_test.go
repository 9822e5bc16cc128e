package localaws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/hack/localaws"
)

func TestQuotasThrottle(t *testing.T) {
	w := newWorld(t)
	w.create("db", "x")
	began := time.Now()
	w.SetRate("GetSecretValue", 5)
	throttled := 0
	for range 20 {
		if err := w.read(w.Client, "db"); err != nil {
			refused(t, err, "ThrottlingException", "Rate exceeded")
			throttled++
		}
	}
	took := time.Since(began)
	if least := 15 - int(5*took.Seconds()); throttled < least || throttled > 15 {
		t.Errorf("%d of 20 calls within %s were throttled at five a second", throttled, took)
	}
	w.described("db")
	w.clock.forward(time.Second)
	if err := w.read(w.Client, "db"); err != nil {
		t.Errorf("a second later: %v", err)
	}
	w.SetRate("GetSecretValue", 0)
	for range 20 {
		if err := w.read(w.Client, "db"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFaults(t *testing.T) {
	w := newWorld(t)
	w.create("db", "x")
	w.SetFaults(localaws.Fault{Operation: "GetSecretValue", Every: 3})
	failed := 0
	for range 9 {
		if err := w.read(w.Client, "db"); err != nil {
			refused(t, err, "InternalServiceError", "")
			failed++
		}
	}
	if failed != 3 {
		t.Errorf("%d of 9 calls failed, want every third", failed)
	}
	w.SetFaults(localaws.Fault{Every: 1, Cut: true})
	var refusal smithy.APIError
	if err := w.read(w.Client, "db"); err == nil || errors.As(err, &refusal) {
		t.Errorf("a cut connection gives %v", err)
	}
	w.SetFaults(localaws.Fault{Every: 1, Half: true})
	if err := w.read(w.Client, "db"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an answer cut in its middle gives %v", err)
	}
	w.SetFaults(localaws.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("db")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that hangs gives %v", err)
	}
	w.SetFaults(localaws.Fault{Latency: 60 * time.Millisecond, Principal: "*:root"})
	began := time.Now()
	if err := w.read(w.Client, "db"); err != nil || time.Since(began) < 60*time.Millisecond {
		t.Errorf("answered after %s, %v", time.Since(began), err)
	}
	w.SetFaults(localaws.Fault{Every: 1, Region: "eu-north-*"})
	if err := w.read(w.Client, "db"); err != nil {
		t.Errorf("a fault of another region: %v", err)
	}
	w.SetFaults(localaws.Fault{Every: 1, Code: "RequestExpired", Region: "eu-west-1"})
	refused(t, w.read(w.Client, "db"), "RequestExpired", "")
}

func TestCallsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.create("/a/db", "a value that must not be in the calls")
	w.ResetCalls()
	_ = w.read(w.Client, "/a/db")
	_ = w.read(w.Client, "none")
	calls := w.Calls()
	if len(calls) != 2 || w.Count("GetSecretValue") != 2 || w.Count("") != 2 || w.Count("DescribeSecret") != 0 {
		t.Fatalf("calls: %+v", calls)
	}
	if calls[0].Code != "" || calls[1].Code != notFound || calls[0].Region != localaws.DefaultRegion || calls[0].Principal != "arn:aws:iam::111122223333:root" ||
		!strings.Contains(calls[0].UserAgent, "aws-sdk-go-v2") || calls[0].At.IsZero() {
		t.Errorf("calls: %+v", calls)
	}
	if w.ValuesRead("/a/") != 1 || w.ValuesRead("/b/") != 0 {
		t.Errorf("%d values of /a/ and %d of /b/ were read", w.ValuesRead("/a/"), w.ValuesRead("/b/"))
	}
}

func (w *world) admin(method, what, body string) (status int, answer string) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.URL()+"/_localaws/"+what, strings.NewReader(body))
	response, err := http.DefaultClient.Do(must(w.T, request, err))
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(must(w.T, content, err))
}

func TestItCanBeSetUpOverHTTP(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("db"), KmsKeyId: aws.String("key"), SecretString: aws.String("x")})
	must(t, "", err)
	for _, test := range []struct{ what, body, undo, code string }{
		{"rules", `[{"Deny":true,"Action":"secretsmanager:GetSecretValue"}]`, `[]`, denied},
		{"key", `{"Key":"key","Disabled":true}`, `{"Key":"key"}`, "DecryptionFailure"},
		{"key", `{"Key":"key","Denied":["*"]}`, `{"Key":"key"}`, denied},
		{"faults", `[{"Operation":"GetSecretValue","Every":1,"Code":"InternalServiceError"}]`, `[]`, "InternalServiceError"},
		{"rate", `{"Operation":"GetSecretValue","PerSecond":0.5}`, `{"Operation":"GetSecretValue"}`, "ThrottlingException"},
	} {
		if status, answer := w.admin(http.MethodPost, test.what, test.body); status != http.StatusOK {
			t.Fatalf("%s: %d %s", test.what, status, answer)
		}
		refused(t, w.read(w.Client, "db"), test.code, "")
		w.admin(http.MethodPost, test.what, test.undo)
		if err := w.read(w.Client, "db"); err != nil {
			t.Errorf("after %s was undone: %v", test.what, err)
		}
	}
	if _, calls := w.admin(http.MethodGet, "calls", ""); !strings.Contains(calls, `"Operation":"GetSecretValue"`) {
		t.Errorf("calls: %s", calls)
	}
	w.admin(http.MethodPost, "reset", "")
	if w.Count("") != 0 {
		t.Error("calls are still there")
	}
	for what, body := range map[string]string{"rules": "{", "weather": "{}"} {
		if status, _ := w.admin(http.MethodPost, what, body); status != http.StatusBadRequest {
			t.Errorf("%s answers %d", what, status)
		}
	}
}

func TestGetRandomPassword(t *testing.T) {
	w := newWorld(t)
	got, err := w.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(200), ExcludePunctuation: aws.Bool(true), ExcludeCharacters: aws.String("aeiou")})
	if password := aws.ToString(must(t, got, err).RandomPassword); len(password) != 200 || strings.ContainsAny(password, "aeiou!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ") {
		t.Errorf("the password has %d characters, or some that are excluded", len(password))
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	w := newWorld(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL(), strings.NewReader("{}"))
	must(t, request, err).Header.Set("X-Amz-Target", "secretsmanager.MakeCoffee")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("answered %s", answer.Status)
	}
}
