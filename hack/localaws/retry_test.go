package localaws_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// unlessCut does not retry calls, because tests check refusals, unless the SDK has closed the connection itself. On a
// busy machine it may close the body of a request that was answered before it notices that all of it was sent, and then
// net/http closes the connection (issue 2737 of aws-sdk-go-v2).
func unlessCut() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(strings.Contains(err.Error(), "use of closed network connection"))
		})}
	})
}
