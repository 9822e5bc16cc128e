package doctor

import (
	"context"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// secretsOf answers for AWS, by id.
type secretsOf map[string]Described

func (a secretsOf) Describe(_ context.Context, id, _ string) (*Described, error) {
	found, has := a[id]
	if !has {
		return nil, ErrNoSecret
	}
	return &found, nil
}

const (
	reader  = "arn:aws:sts::111122223333:assumed-role/pay/session"
	foreign = "arn:aws:secretsmanager:eu-west-1:444455556666:secret:/prod/db-a1b2c3"
)

// causeOf is the finding that names the cause.
func causeOf(t *testing.T, found *Diagnosis) Finding {
	t.Helper()
	for _, check := range found.Checks {
		if check.ID == found.First {
			return check
		}
	}
	t.Fatalf("no cause is named: %s %+v", found.Verdict, found.Checks)
	return Finding{}
}

// textsOf are the fixes of a finding as one text, each with its kind.
func textsOf(found *Finding) string {
	var lines []string
	for _, fix := range found.Fix {
		lines = append(lines, fix.Kind+": "+fix.Text)
	}
	return strings.Join(lines, "\n")
}

// TestFixesNameTheRefusedSecret, and no other one that the spec reads. A resource policy is edited, and not replaced.
func TestFixesNameTheRefusedSecret(t *testing.T) {
	const second = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:/prod/second-a1b2c3"
	for name, test := range map[string]struct {
		reason, message string
		refusal         *v1alpha1.RefusalStatus
		want            string
	}{
		"denied by the resource policy": {v1alpha1.ReasonAccessDenied, reader + " may not secretsmanager:GetSecretValue on " + second + ": an explicit Deny refuses it",
			&v1alpha1.RefusalStatus{Principal: reader, Action: "secretsmanager:GetSecretValue", Resource: second, Policy: "resource-based policy", Explicit: true},
			"edit: take the Deny for arn:aws:iam::111122223333:role/pay out of the resource policy of " + second +
				", which is shown by: aws secretsmanager get-resource-policy --secret-id " + second + " --region eu-west-2"},
		"not allowed by the resource policy": {v1alpha1.ReasonAccessDenied, "denied",
			&v1alpha1.RefusalStatus{Principal: reader, Action: "secretsmanager:GetSecretValue", Resource: second, Policy: "resource-based policy"},
			`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/pay"},"Resource":"*"} to the resource policy of ` + second},
		"another account's": {v1alpha1.ReasonAccessDenied, "denied",
			&v1alpha1.RefusalStatus{Principal: reader, Action: "secretsmanager:GetSecretValue", Resource: foreign},
			`to the resource policy of ` + foreign},
		"a name in the refusal": {v1alpha1.ReasonAccessDenied, "denied",
			&v1alpha1.RefusalStatus{Principal: reader, Action: "secretsmanager:GetSecretValue", Resource: "/prod/second", Policy: "resource-based policy", Explicit: true},
			"--secret-id /prod/second --region us-east-1"},
		"before a colon":             {v1alpha1.ReasonSecretPendingDeletion, "no /prod/second: restore it", nil, "--secret-id /prod/second --region us-east-1"},
		"a name that begins another": {v1alpha1.ReasonSecretPendingDeletion, "secret /prod/db/second was marked", nil, "--secret-id /prod/db/second"},
		"found by its tags":          {v1alpha1.ReasonSecretPendingDeletion, "secret " + foreign + " was marked", nil, "--secret-id " + foreign},
		"none is named":              {v1alpha1.ReasonSecretPendingDeletion, "it was marked", nil, "--secret-id SECRET_ID"},
		"an entry's does not exist":  {v1alpha1.ReasonSecretNotFound, "AWS has no secret /prod/second in us-east-1: create it", nil, "edit: correct secretID of the entry"},
	} {
		secretSync := reported(test.reason, test.message)
		secretSync.Spec.DataFrom = []v1alpha1.DataFrom{
			{Source: &v1alpha1.EntrySource{SecretID: "/prod/second", Region: "us-east-1"}}, {Source: &v1alpha1.EntrySource{SecretID: "/prod/db/second"}}}
		secretSync.Status.Refusal = test.refusal
		found := facts(t).Examine(t.Context(), secretSync, "")
		cause := causeOf(t, &found)
		if got := textsOf(&cause); !strings.Contains(got, test.want) || strings.Contains(got, "put-resource-policy") || strings.Contains(got, "delete-resource-policy") {
			t.Errorf("%s: %s: %s\nwant %s", name, cause.ID, got, test.want)
		}
	}
}

// TestPoliciesDoNotReplaceEachOther: policies for different purposes have names of their own.
func TestPoliciesDoNotReplaceEachOther(t *testing.T) {
	known := map[string]string{}
	for reason, refusal := range map[string]v1alpha1.RefusalStatus{
		v1alpha1.ReasonAccessDenied:     {Principal: reader, Action: "secretsmanager:GetSecretValue", Resource: "/prod/db"},
		v1alpha1.ReasonKMSAccessDenied:  {Principal: reader, Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-west-1:111122223333:key/1"},
		v1alpha1.ReasonAssumeRoleDenied: {Principal: reader, Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/a", Policy: "identity-based policy"},
	} {
		secretSync := reported(reason, "denied")
		secretSync.Status.Refusal = &refusal
		found := facts(t).Examine(t.Context(), secretSync, "")
		cause := causeOf(t, &found)
		_, rest, _ := strings.Cut(textsOf(&cause), "--policy-name ")
		policy, _, _ := strings.Cut(rest, " ")
		if other := known[policy]; policy == "" || other != "" {
			t.Errorf("%s: policy %q, as of %q: %s", reason, policy, other, textsOf(&cause))
		}
		known[policy] = reason
	}
}

// TestKeyOfAnotherAccount: the key aws/secretsmanager is the cause only where AWS says so, or where the reader's account is
// known to be another one.
func TestKeyOfAnotherAccount(t *testing.T) {
	for name, test := range map[string]struct {
		reason, message string
		principal, key  string
		first           string
	}{
		"another failure":         {v1alpha1.ReasonSourceFailed, "AWS refuses GetSecretValue of secret " + foreign + " in eu-west-1 with X: y", "", "", "sm.answer"},
		"AWS says so":             {v1alpha1.ReasonSourceFailed, "AWS refuses GetSecretValue of secret " + foreign + " in eu-west-1 with InvalidRequestException: You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.", "", "", "kms.managed"},
		"the reader is not known": {v1alpha1.ReasonKMSAccessDenied, "the operator may read secret " + foreign + " but not decrypt it", "", "", "kms.allow"},
		"another account":         {v1alpha1.ReasonKMSAccessDenied, "pay may read secret " + foreign + " but not decrypt it", reader, "", "kms.managed"},
		"a key of its own":        {v1alpha1.ReasonKMSAccessDenied, "pay may read secret " + foreign + " but not decrypt it", reader, "arn:aws:kms:eu-west-1:444455556666:key/1", "kms.allow"},
	} {
		secretSync := reported(test.reason, test.message)
		secretSync.Spec.Source.SecretID = foreign
		if test.reason == v1alpha1.ReasonKMSAccessDenied {
			secretSync.Status.Refusal = &v1alpha1.RefusalStatus{Code: "AccessDenied", Principal: test.principal, Action: "kms:Decrypt"}
		}
		f := facts(t)
		f.AWS = secretsOf{foreign: {ARN: foreign, Key: test.key}}
		found := f.Examine(t.Context(), secretSync, "")
		if cause := causeOf(t, &found); found.First != test.first || cause.Evidence == "" {
			t.Errorf("%s: %s %s, want %s", name, found.First, cause.Evidence, test.first)
		} else if test.first == "kms.managed" && !strings.Contains(textsOf(&cause), "--secret-id "+foreign) {
			t.Errorf("%s: %s", name, textsOf(&cause))
		}
	}
}

// TestSuffix: only of a full ARN is the end a random suffix.
func TestSuffix(t *testing.T) {
	const partial = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:/prod/db"
	for id, first := range map[string]string{partial + "-a1b2c3": "sm.suffix", partial + "-backup/x": "sm.exists", partial + "-other": "sm.exists", "/prod/db-a1b2c3": "sm.exists"} {
		secretSync := reported(v1alpha1.ReasonSecretNotFound, "AWS has no secret "+id+" in eu-west-1: create it")
		secretSync.Spec.Source.SecretID = id
		f, known, present := facts(t), secretsOf{}, Described{ARN: partial + "-d4e5f6"}
		f.AWS = known
		for cut := range id { // Whatever is cut off, AWS has a secret of that name.
			known[id[:cut]], known[strings.TrimPrefix(id[:cut], "arn:aws:secretsmanager:eu-west-1:111122223333:secret:")] = present, present
		}
		if found := f.Examine(t.Context(), secretSync, ""); found.First != first {
			t.Errorf("%s: %s, want %s", id, found.First, first)
		}
	}
}
