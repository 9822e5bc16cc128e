package localaws_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// unlessCut tries calls once, as refusals are what tests are about, unless the SDK has cut the connection itself: on a busy
// machine it may close the body of a request that was answered before it noticed that all of it was sent, and net/http
// the connection with it (issue 2737 of aws-sdk-go-v2).
func unlessCut() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(strings.Contains(err.Error(), "use of closed network connection"))
		})}
	})
}
