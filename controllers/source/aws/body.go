package aws

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// wholeBodies sends requests whose bodies are in memory, as the SDK's are, in a form that net/http knows.
//
// The SDK wraps a body in a reader of its own and closes that as soon as the answer begins. To net/http it is
// a reader of unknown kind: headers and body leave in two writes, and where the answer comes before it is done
// with the second, it gives the connection up in the middle of the answer.
type wholeBodies struct{ aws.HTTPClient }

// Do sends a request.
func (c wholeBodies) Do(request *http.Request) (*http.Response, error) {
	if request.Body == nil || request.Body == http.NoBody || request.ContentLength <= 0 || request.GetBody != nil {
		return c.HTTPClient.Do(request)
	}
	content, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	whole := *request
	whole.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	whole.Body, _ = whole.GetBody() // Never fails.
	return c.HTTPClient.Do(&whole)
}
