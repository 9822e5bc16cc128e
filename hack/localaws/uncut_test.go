package localaws_test

import (
	"bytes"
	"io"
	"net/http"
)

// uncut is an HTTP client that sends a copy of each body. On a busy machine the SDK may close the body of a request that
// was answered before net/http notices that all of it was sent, and then net/http closes the connection in the middle of
// the answer (issue 2737 of aws-sdk-go-v2).
type uncut struct{}

func (uncut) Do(request *http.Request) (*http.Response, error) {
	if request.Body == nil {
		return http.DefaultClient.Do(request)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultClient.Do(request)
}
