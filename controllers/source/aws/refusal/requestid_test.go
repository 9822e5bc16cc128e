package refusal

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/secretsync/secretsync/controllers/source"
)

// TestARefusalHasTheIDOfItsRequest: as CloudTrail names it, in a field of its own; a header that is no id is not passed on.
func TestARefusalHasTheIDOfItsRequest(t *testing.T) {
	for sent, want := range map[string]string{
		"9c4bd1a2-70a5-4ae6-8d4b-5b5a3f0e4e11": "9c4bd1a2-70a5-4ae6-8d4b-5b5a3f0e4e11",
		"":                                     "",
		"a header\nof a proxy":                 "",
		strings.Repeat("x", 129):               "",
	} {
		err := Call{Operation: "DescribeSecret"}.Explain(t.Context(), &awshttp.ResponseError{
			RequestID: sent, ResponseError: &smithyhttp.ResponseError{
				Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusBadRequest}}, Err: errors.New("refused"),
			},
		})
		refused, ok := errors.AsType[*source.Error](err)
		if !ok {
			t.Fatal(err)
		}
		if refused.RequestID != want {
			t.Errorf("%q: the id is %q, want %q", sent, refused.RequestID, want)
		}
		if want != "" && strings.Contains(refused.Explanation, want) {
			t.Errorf("the explanation changes with each try: %s", refused.Explanation)
		}
	}
}
