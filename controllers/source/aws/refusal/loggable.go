package refusal

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"

	"github.com/secretsync/secretsync/controllers/source"
)

// loggable is the text of the SDK's error. The error itself holds the request, with its session token,
// and what could be read of the answer, so it is not passed on; and some texts hold too much as well.
func loggable(err error) error {
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return errors.New("parsing the answer failed") // the parser's text may quote the answer
	}
	if _, ok := errors.AsType[*processcreds.ProviderError](err); ok {
		return errors.New("the credential process failed") // the text quotes the process's output
	}
	var refused smithy.APIError
	if errors.As(err, &refused) && OfCredentials(err) {
		return errors.New("api error " + refused.ErrorCode()) // the text may quote the signed request, token and all
	}
	return errors.New(source.Redact(err.Error()))
}
