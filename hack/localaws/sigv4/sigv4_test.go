package sigv4

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Of the test suite that AWS publishes for Signature Version 4, case "get-vanilla".
const (
	suiteKey       = "AKIDEXAMPLE"
	suiteSecret    = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	suiteSignature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
)

func TestTheSuitesSignature(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.amazonaws.com/", nil)
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+suiteKey+"/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature="+suiteSignature)
	signature, err := Read(r)
	if err != nil {
		t.Fatal(err)
	}
	if !signature.Verify(r, nil, suiteSecret) {
		t.Error("the suite's signature does not verify")
	}
	if signature.Verify(r, nil, suiteSecret+"x") {
		t.Error("it verifies with another secret")
	}
	if signature.Verify(r, []byte("x"), suiteSecret) {
		t.Error("it verifies with another body")
	}
	if problem := signature.Scope("service"); problem != "" {
		t.Error(problem)
	}
}

// signed is a request as the SDK signs it.
func signed(t *testing.T, at time.Time) (*http.Request, []byte) {
	t.Helper()
	body := []byte(`{"SecretId":"db"}`)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:4599/?b=2&a=x%20y", bytes.NewReader(body))
	r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	r.Header.Set("X-Odd", "  two   blanks ")
	err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: suiteKey, SecretAccessKey: suiteSecret, SessionToken: "token"},
		r, digest(body), "secretsmanager", "eu-west-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

func TestWhatIsChangedDoesNotVerify(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"nothing":          func(*http.Request) {},
		"the method":       func(r *http.Request) { r.Method = http.MethodPut },
		"the path":         func(r *http.Request) { r.URL.Path = "/x" },
		"the query":        func(r *http.Request) { r.URL.RawQuery = "a=1" },
		"the host":         func(r *http.Request) { r.Host = "127.0.0.1:4600" },
		"the length":       func(r *http.Request) { r.ContentLength++ },
		"the operation":    func(r *http.Request) { r.Header.Set("X-Amz-Target", "secretsmanager.DeleteSecret") },
		"the token":        func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "other") },
		"a header's value": func(r *http.Request) { r.Header.Add("X-Odd", "three") },
		"the body":         func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"SecretId":"do"}`)) },
		"the region": func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "eu-west-1", "us-east-1", 1))
		},
		"the date": func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260301T120001Z") },
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := signed(t, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
			change(r)
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			signature, err := Read(r)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := signature.Verify(r, body, suiteSecret), name == "nothing"; got != want {
				t.Errorf("it verifies: %v", got)
			}
		})
	}
}

func TestSkew(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for ahead, want := range map[time.Duration]string{
		0:                "",
		Tolerance:        "",
		-Tolerance:       "",
		6 * time.Minute:  "Signature expired: 20260301T120000Z is now earlier than 20260301T120100Z (20260301T120600Z - 5 min.)",
		-6 * time.Minute: "Signature not yet current: 20260301T120000Z is still later than 20260301T115900Z (20260301T115400Z + 5 min.)",
	} {
		if got := (&Signature{At: at}).Skew(at.Add(ahead)); got != want {
			t.Errorf("%s later: %q, want %q", ahead, got, want)
		}
	}
}

func TestSignaturesThatLackSomething(t *testing.T) {
	for name, c := range map[string]struct{ header, date, want string }{
		"everything":        {"", "20260301T120000Z", ""},
		"the algorithm":     {"Bearer x", "20260301T120000Z", "Unsupported AWS 'algorithm'"},
		"the credential":    {algorithm + " SignedHeaders=host, Signature=x", "20260301T120000Z", "Authorization header requires 'Credential' parameter."},
		"the headers":       {algorithm + " Credential=a/b/c/d/e, Signature=x", "20260301T120000Z", "Authorization header requires 'SignedHeaders' parameter."},
		"the signature":     {algorithm + " Credential=a/b/c/d/e, SignedHeaders=host", "20260301T120000Z", "Authorization header requires 'Signature' parameter."},
		"part of the scope": {algorithm + " Credential=a/b, SignedHeaders=host, Signature=x", "20260301T120000Z", "Credential must have exactly 5"},
		"the date":          {algorithm + " Credential=a/b/c/d/e, SignedHeaders=host, Signature=x", "", "Authorization header requires existence of either"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.Header.Set("Authorization", c.header)
		r.Header.Set("X-Amz-Date", c.date)
		_, err := Read(r)
		var incomplete *IncompleteError
		if c.want == "" && !errors.Is(err, ErrMissing) || c.want != "" && (!errors.As(err, &incomplete) || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestScope(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	right := Signature{At: at, day: "20260301", Service: "sts", end: "aws4_request", headers: []string{"host", "x-amz-date"}}
	for want, change := range map[string]func(*Signature){
		"": func(*Signature) {},
		"Credential should be scoped to correct service: 'sts'. ":                   func(s *Signature) { s.Service = "secretsmanager" },
		"Credential should be scoped with a valid terminator: 'aws4_request'. ":     func(s *Signature) { s.end = "x" },
		"Date in Credential scope does not match YYYYMMDD":                          func(s *Signature) { s.day = "20260302" },
		"'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.": func(s *Signature) { s.headers = []string{"x-amz-date"} },
		"'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.":           func(s *Signature) { s.headers = []string{"host"} },
	} {
		s := right
		change(&s)
		if got := s.Scope("sts"); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://example.amazonaws.com/", nil)
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+suiteKey+"/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature="+suiteSignature)
	for b.Loop() {
		signature, err := Read(r)
		if err != nil {
			b.Fatal(err)
		}
		if !signature.Verify(r, nil, suiteSecret) {
			b.Fatal("it does not verify")
		}
	}
}
