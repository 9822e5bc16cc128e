package identity

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/refusal"
)

func TestARefusalOfCredentialsIsKeptUntilItIsOldOrCredentialsAreGot(t *testing.T) {
	began := time.Unix(1_000_000, 0)
	denied := &source.Error{Kind: source.AssumeRoleDenied}
	for name, test := range map[string]struct {
		after time.Duration
		then  func(*refusals)
		kept  bool
	}{
		"at once":                                   {0, nil, true},
		"just before it is old":                     {refusalLasts - 1, nil, true},
		"once it is old":                            {refusalLasts, nil, false},
		"after credentials were got":                {0, func(r *refusals) { r.learn(began, nil) }, false},
		"where an answer may be as old":             {time.Second, func(r *refusals) { r.outdate(time.Second) }, true},
		"where an answer must be newer":             {time.Second + 1, func(r *refusals) { r.outdate(time.Second) }, false},
		"where there was none":                      {refusalLasts, func(r *refusals) { r.learn(began, nil); r.outdate(time.Second) }, false},
		"where an answer must be new":               {0, func(r *refusals) { r.outdate(0) }, false},
		"beside what ends with the one who asked":   {0, func(r *refusals) { r.learn(began.Add(refusalLasts), fmt.Errorf("x: %w", context.Canceled)) }, true},
		"not for longer, for what others are up to": {refusalLasts, func(r *refusals) { r.learn(began.Add(refusalLasts), &source.Error{Kind: source.Busy}) }, false},
	} {
		now := began
		r := &refusals{now: func() time.Time { return now }}
		r.learn(began, denied)
		now = began.Add(test.after)
		if test.then != nil {
			test.then(r)
		}
		if kept := r.recall() != nil; kept != test.kept {
			t.Errorf("%s: it is kept: %v", name, kept)
		}
	}
}

// What says nothing of an identity is no refusal of its credentials.
func TestOnlyWhatIsOfCredentialsIsKeptForAnIdentity(t *testing.T) {
	for _, err := range []error{context.Canceled, context.DeadlineExceeded, net.ErrClosed, &source.Error{Kind: source.Busy}} {
		r := &refusals{now: func() time.Time { return time.Unix(0, 0) }}
		r.learn(r.now(), &refusal.CredentialsError{Cause: err})
		if kept := r.recall(); kept != nil {
			t.Errorf("%v is kept", kept)
		}
	}
}
