package aws

import (
	"testing"

	"github.com/secretsync/secretsync/hack/localaws"
)

// Only what says that there are too many calls slows them down.
func TestSTSIsNotPacedForWhatIsNoThrottling(t *testing.T) {
	for name, test := range map[string]struct {
		fault localaws.Fault
		paced bool
	}{
		"it gives a role":      {},
		"it refuses":           {fault: localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "AccessDenied"}},
		"it does not answer":   {fault: localaws.Fault{Operation: "AssumeRole", Every: 1, Cut: true}},
		"it has too many asks": {fault: localaws.Fault{Operation: "AssumeRole", Every: 1, Code: "ThrottlingException"}, paced: true},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			if test.fault.Operation != "" {
				env.SetFaults(test.fault)
			}
			s := env.again(t, Options{})
			_, err := s.Resolve(t.Context(), as(onTop(hubRole)))
			if err == nil || env.Count("AssumeRole") == 0 {
				t.Fatal(err)
			}
			if paced := s.tenants.get("pay").sts.Of("AssumeRole", s.config.Region).Limited(); paced != test.paced {
				t.Errorf("it is paced: %v", paced)
			}
		})
	}
}
