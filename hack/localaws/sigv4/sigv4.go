// Package sigv4 reads and checks signatures of AWS Signature Version 4 in the Authorization header (page
// "Create a signed AWS API request").
//
// It recalculates them from the request as it was received, without any SDK, so that an error of a client
// is not hidden by the same error here. It imports the standard library alone.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	// layout of the times in X-Amz-Date.
	layout = "20060102T150405Z"
	// Tolerance is how far a signature's time may be off.
	Tolerance = 5 * time.Minute
)

// ErrMissing says that a request has no signature.
var ErrMissing = errors.New("request is missing Authentication Token")

// IncompleteError says that parts of a signature are missing, and which, as AWS does.
type IncompleteError struct{ text string }

func (e *IncompleteError) Error() string { return e.text }

// Signature is a request's parsed Authorization header.
type Signature struct {
	// AccessKeyID, Region and Service are from the credential scope.
	AccessKeyID, Region, Service string
	// At is when the request was signed, from X-Amz-Date.
	At time.Time

	day, end  string
	headers   []string
	signature string
}

// Read finds a request's signature. Its errors are ErrMissing and *IncompleteError.
func Read(r *http.Request) (*Signature, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, ErrMissing
	}
	rest, is := strings.CutPrefix(header, algorithm+" ")
	if !is {
		return nil, &IncompleteError{"Unsupported AWS 'algorithm'"}
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[name] == "" {
			return nil, &IncompleteError{fmt.Sprintf("Authorization header requires '%s' parameter.", name)}
		}
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 {
		return nil, &IncompleteError{"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."}
	}
	at, err := time.Parse(layout, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return nil, &IncompleteError{"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."}
	}
	return &Signature{
		AccessKeyID: scope[0], day: scope[1], Region: scope[2], Service: scope[3], end: scope[4], At: at,
		headers: strings.Split(parts["SignedHeaders"], ";"), signature: parts["Signature"],
	}, nil
}

// Scope says what is wrong with the credential scope, with AWS's text; empty if it is right.
func (s *Signature) Scope(service string) string {
	switch {
	case s.Service != service:
		return fmt.Sprintf("Credential should be scoped to correct service: '%s'. ", service)
	case s.end != "aws4_request":
		return "Credential should be scoped with a valid terminator: 'aws4_request'. "
	case s.day != s.At.Format("20060102"):
		return fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			s.day, s.At.Format("20060102"), s.At.Format(layout))
	case !slices.Contains(s.headers, "host"):
		return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	case !slices.Contains(s.headers, "x-amz-date"):
		return "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."
	}
	return ""
}

// Skew says how far a signature's time is off, with AWS's text; empty within Tolerance.
func (s *Signature) Skew(now time.Time) string {
	minutes := strconv.Itoa(int(Tolerance.Minutes()))
	if first := now.Add(-Tolerance); s.At.Before(first.Truncate(time.Second)) {
		return fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s min.)", s.At.Format(layout), first.UTC().Format(layout), now.UTC().Format(layout), minutes)
	}
	if last := now.Add(Tolerance); s.At.After(last) {
		return fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %s min.)", s.At.Format(layout), last.UTC().Format(layout), now.UTC().Format(layout), minutes)
	}
	return ""
}

// Verify says whether a secret access key made the signature of a request with this body.
func (s *Signature) Verify(r *http.Request, body []byte, secretAccessKey string) bool {
	scope := strings.Join([]string{s.day, s.Region, s.Service, s.end}, "/")
	toSign := strings.Join([]string{algorithm, s.At.Format(layout), scope, digest([]byte(s.canonical(r, body)))}, "\n")
	key := []byte("AWS4" + secretAccessKey)
	for _, part := range []string{s.day, s.Region, s.Service, s.end, toSign} {
		key = seal(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(key)), []byte(s.signature))
}

// canonical is the canonical request, which both sides sign.
func (s *Signature) canonical(r *http.Request, body []byte) string {
	var text strings.Builder
	query := strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	fmt.Fprintf(&text, "%s\n%s\n%s\n", r.Method, path, query)
	for _, name := range s.headers {
		fmt.Fprintf(&text, "%s:%s\n", name, header(r, name))
	}
	fmt.Fprintf(&text, "\n%s\n%s", strings.Join(s.headers, ";"), digest(body))
	return text.String()
}

// header gives a header's values trimmed, with single blanks, and joined by commas. net/http keeps two headers in other
// fields.
func header(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	var values []string
	for _, value := range r.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(values, ",")
}

func seal(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
