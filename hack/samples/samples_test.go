package samples

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestManifestsFitTheAccount checks that no sample keeps the account, region, partition or ARN that it is written for.
func TestManifestsFitTheAccount(t *testing.T) {
	for name, test := range map[string]struct{ arn, replica string }{
		"another region":     {"arn:aws:secretsmanager:us-east-1:444455556666:secret:/samples/signing-key-XyZ123", "eu-central-1"},
		"another partition":  {"arn:aws-cn:secretsmanager:cn-north-1:444455556666:secret:/samples/signing-key-XyZ123", "eu-central-1"},
		"the replica's own":  {"arn:aws:secretsmanager:eu-central-1:444455556666:secret:/samples/signing-key-XyZ123", "eu-west-1"},
		"what is in samples": {"arn:aws:secretsmanager:eu-west-1:111122223333:secret:/samples/signing-key-a1b2c3", "eu-central-1"},
	} {
		t.Run(name, func(t *testing.T) {
			manifests, err := Manifests("../../config/samples", test.arn)
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, manifest := range manifests {
				text, err := yaml.Marshal(manifest.Object)
				if err != nil {
					t.Fatal(err)
				}
				all.Write(text)
			}
			parts := strings.Split(test.arn, ":")
			for _, want := range []string{"secretID: " + test.arn, "region: " + parts[3], "- " + test.replica,
				"roleARN: arn:" + parts[1] + ":iam::" + parts[4] + ":role/", "eks.amazonaws.com/role-arn: arn:" + parts[1] + ":iam::" + parts[4] + ":role/"} {
				if !strings.Contains(all.String(), want) {
					t.Errorf("no sample contains %q", want)
				}
			}
			for _, written := range []string{writtenPartition, writtenRegion, writtenAccount, writtenSecret} {
				if !strings.Contains(test.arn+test.replica, written) && strings.Contains(all.String(), written) {
					t.Errorf("a sample still contains %q", written)
				}
			}
		})
	}
}

// TestReport: a SecretSync that needs a role is explained, and any other that is not Ready is an error.
func TestReport(t *testing.T) {
	condition := func(status metav1.ConditionStatus, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: "what AWS says", ObservedGeneration: 2}}
	}
	for name, test := range map[string]struct {
		change func(*v1alpha1.SecretSync)
		// failure and output are in the error and the output; empty for none.
		failure, output string
	}{
		"ready":     {func(s *v1alpha1.SecretSync) { s.Status.Conditions = condition(metav1.ConditionTrue, "Synced") }, "", "True"},
		"no status": {func(*v1alpha1.SecretSync) {}, "is the operator running?", "Unknown"},
		"of an older generation": {func(s *v1alpha1.SecretSync) {
			s.Generation, s.Status.Conditions = 3, condition(metav1.ConditionTrue, "Synced")
		}, "what AWS says", "True"},
		"refused": {func(s *v1alpha1.SecretSync) { s.Status.Conditions = condition(metav1.ConditionFalse, "AccessDenied") }, "what AWS says", "AccessDenied"},
		"observing": {func(s *v1alpha1.SecretSync) {
			s.Spec.Mode, s.Status.Conditions = v1alpha1.SyncModeObserve, condition(metav1.ConditionTrue, "WouldChange")
		}, "", "WouldChange"},
		"without its role": {func(s *v1alpha1.SecretSync) {
			s.Spec.Auth.RoleARN, s.Status.Conditions = "arn:aws:iam::111122223333:role/none", condition(metav1.ConditionFalse, "AssumeRoleDenied")
		}, "", "db is not Ready: what AWS says\nIt needs an IAM role of yours: see the comments in db.yaml."},
		"without its ServiceAccount's role": {func(s *v1alpha1.SecretSync) {
			s.Spec.Auth.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Name: "reader"}
			s.Status.Conditions = condition(metav1.ConditionFalse, "AssumeRoleDenied")
		}, "", "see the comments in db.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			sync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Name: "db", Generation: 2}}
			test.change(sync)
			output := &strings.Builder{}
			err := (&Cluster{Output: output}).report([]state{stateOf(sync)}, map[string]string{"db": "db.yaml"})
			if !strings.Contains(output.String(), test.output) {
				t.Errorf("the output has no %q: %s", test.output, output)
			}
			failed := err != nil
			if failed != (test.failure != "") || failed && !strings.Contains(err.Error(), test.failure) {
				t.Errorf("got %v, want %q", err, test.failure)
			}
		})
	}
	err := (&Cluster{Output: &strings.Builder{}}).report(nil, map[string]string{"db": "db.yaml"})
	if diff := cmp.Diff("1 SecretSyncs were deleted meanwhile", err.Error()); diff != "" {
		t.Error(diff)
	}
}
