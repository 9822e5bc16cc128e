package aws

import (
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

// maxAnswer bounds what is read of an answer, in bytes. The longest that AWS gives are batches of twenty
// values of 65,536 bytes, in base64, and pages of a hundred secrets with their tags and descriptions: well
// under four million.
const maxAnswer = 16 << 20

// watchWire notes which host is asked, as the SDK's error for a call that timed out does not name it, shows the
// request as it leaves, and bounds what is read of the answer.
func watchWire(host *string, seen ...func(*http.Request)) func(*secretsmanager.Options) {
	note := middleware.DeserializeMiddlewareFunc("SecretSyncWire", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		if request, ok := in.Request.(*smithyhttp.Request); ok && request.URL != nil {
			*host = request.URL.Host
			for _, see := range seen {
				see(request.Request)
			}
		}
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && answer.Body != nil {
			answer.Body = &bounded{ReadCloser: answer.Body, left: maxAnswer}
		}
		return out, metadata, err
	})
	return func(o *secretsmanager.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Deserialize.Add(note, middleware.After)
		})
	}
}

// bounded reads so much and no more.
type bounded struct {
	io.ReadCloser
	left int
}

// Read reads on, or says that the answer is too long.
func (b *bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, refusal.ErrTooLong
	}
	n, err := b.ReadCloser.Read(into[:min(len(into), b.left)])
	b.left -= n
	return n, err
}
