package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// TestWhatIsNotOfHTTPGoesByUnwatched: the SDK's types promise neither a request of HTTP, nor an answer with a body.
func TestWhatIsNotOfHTTPGoesByUnwatched(t *testing.T) {
	for name, test := range map[string]struct{ request, answer any }{
		"nothing":                            {nil, nil},
		"a request without an address":       {&smithyhttp.Request{Request: &http.Request{}}, nil},
		"an answer without a body":           {nil, &smithyhttp.Response{Response: &http.Response{}}},
		"a request and an answer of another": {"request", "answer"},
	} {
		host := ""
		set := &secretsmanager.Options{}
		watchWire(&host)(set)
		stack := middleware.NewStack("test", func() any { return test.request })
		if err := set.APIOptions[0](stack); err != nil {
			t.Fatal(err)
		}
		_, _, err := stack.HandleMiddleware(t.Context(), nil, middleware.HandlerFunc(func(context.Context, any) (any, middleware.Metadata, error) {
			return test.answer, middleware.Metadata{}, nil
		}))
		if err != nil || host != "" {
			t.Errorf("%s: host %q, %v", name, host, err)
		}
		if answer, ok := test.answer.(*smithyhttp.Response); ok && answer.Body != nil {
			t.Errorf("%s: a body was added", name)
		}
	}
}

// TestAnAnswerIsReadToItsBoundAndNotAByteFurther: what lies behind is not in memory either.
func TestAnAnswerIsReadToItsBoundAndNotAByteFurther(t *testing.T) {
	answer := &bounded{ReadCloser: io.NopCloser(strings.NewReader("0123456789")), left: 3}
	into := make([]byte, 8)
	if n, err := answer.Read(into); n != 3 || err != nil || string(into) != "012\x00\x00\x00\x00\x00" {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := answer.Read(into); n != 0 || !errors.Is(err, refusal.ErrTooLong) {
		t.Errorf("%d bytes, %v", n, err)
	}
}
