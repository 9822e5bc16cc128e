package moto

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// call is one line of a file of testdata.
type call struct{ file, what, operation, region, input string }

func (c call) String() string { return c.file + "/" + c.what }

// readCalls reads the calls of testdata. Each file has a region of its own, so that none sees another's secrets.
func readCalls(t *testing.T) []call {
	t.Helper()
	regions := strings.Fields("eu-west-1 eu-west-2 eu-west-3 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 us-east-1 us-east-2 ap-south-1 ap-south-2 ap-east-1 ca-central-1")
	home := map[string]string{"replicas": "eu-south-1"}
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	for i, path := range paths {
		file := strings.TrimSuffix(filepath.Base(path), ".txt")
		region := home[file]
		if region == "" {
			region = regions[i]
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			parts := strings.SplitN(line, "|", 3)
			if len(parts) != 3 {
				t.Fatalf("%s: no call: %s", path, line)
			}
			c := call{file: file, what: strings.TrimSpace(parts[0]), region: region, input: strings.TrimSpace(parts[2])}
			var elsewhere bool
			if c.operation, c.region, elsewhere = strings.Cut(strings.TrimSpace(parts[1]), "@"); !elsewhere {
				c.region = region
			}
			calls = append(calls, c)
		}
	}
	return calls
}

// endpoint is the local AWS or moto, and what later calls need of its answers.
type endpoint struct {
	url string
	// arns are ARNs of secrets, by file and name; next is the NextToken of the last answer that had one.
	arns map[string]string
	next string
}

// answer is an HTTP response.
type answer struct {
	status int
	kind   string // Content-Type
	body   map[string]any
}

// ask sends a call as an SDK would, with a signature that neither endpoint checks.
func (e *endpoint) ask(ctx context.Context, c call) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"/", strings.NewReader(e.filled(c)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "secretsmanager."+c.operation)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=tester/20260101/"+c.region+"/secretsmanager/aws4_request, SignedHeaders=host, Signature=0")
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{status: got.StatusCode, kind: got.Header.Get("Content-Type")}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	if decoder.Decode(&a.body) != nil {
		a.body = map[string]any{"__type": "no JSON"}
	}
	e.learn(c, a)
	return a, nil
}

// learn keeps the ARNs and tokens that later calls refer to.
func (e *endpoint) learn(c call, a *answer) {
	if arn, is := a.body["ARN"].(string); is && c.operation == "CreateSecret" {
		e.arns[c.file+"/"+fmt.Sprint(a.body["Name"])] = arn
	}
	if next, is := a.body["NextToken"].(string); is && next != "" {
		e.next = next
	}
}

var (
	tokens   = regexp.MustCompile(`#([0-9])`)
	repeated = regexp.MustCompile(`<([a-z])\*([0-9]+)>`)
	arns     = regexp.MustCompile(`<(arn|partial):([^>]+)>`)
)

// filled is a call's input with its references filled in: "#1" is a token, "<v*3>" is "vvv", "<arn:name>" and
// "<partial:name>" are of a secret that the file created, "<next>" is the last NextToken.
func (e *endpoint) filled(c call) string {
	text := tokens.ReplaceAllString(c.input, "00000000-0000-4000-8000-00000000000$1")
	text = repeated.ReplaceAllStringFunc(text, func(found string) string {
		parts := repeated.FindStringSubmatch(found)
		count, _ := strconv.Atoi(parts[2]) // Digits, by the expression.
		return strings.Repeat(parts[1], count)
	})
	text = arns.ReplaceAllStringFunc(text, func(found string) string {
		parts := arns.FindStringSubmatch(found)
		arn := e.arns[c.file+"/"+parts[2]]
		if parts[1] == "partial" && len(arn) > 7 {
			arn = arn[:len(arn)-7]
		}
		return arn
	})
	return strings.ReplaceAll(text, "<next>", e.next)
}
