package localaws_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/hack/localaws"
)

// TestTheCommandLine tests with the aws command what the other tests do with the SDK for Go: it implements the
// protocols independently.
func TestTheCommandLine(t *testing.T) {
	command, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command is not installed; the SDK's tests cover the same operations")
	}
	s := newGuardedSetup(t) // So that the command's signatures are checked.
	s.user("cli", everything)
	s.role("app", accountTrust)
	s.RegisterRotationFunction(functionARN, s.RotatePassword())
	queue, err := s.AddQueue(localaws.Queue{Name: "changes"})
	must(t, "", s.SendMessage(must(t, queue, err), "a change"))
	run := func(arguments ...string) string {
		t.Helper()
		aws := exec.CommandContext(t.Context(), command, arguments...)
		nowhere := t.TempDir()
		aws.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+s.URL(), "AWS_REGION="+localaws.DefaultRegion, "AWS_DEFAULT_REGION="+localaws.DefaultRegion,
			"AWS_ACCESS_KEY_ID=cli", "AWS_SECRET_ACCESS_KEY=secret of cli", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
			"AWS_CONFIG_FILE="+nowhere+"/config", "AWS_SHARED_CREDENTIALS_FILE="+nowhere+"/credentials")
		output, err := aws.CombinedOutput()
		if err != nil {
			return "refused: " + string(output)
		}
		return strings.TrimSpace(string(output))
	}
	for _, step := range []struct {
		arguments, want string
	}{
		{"secretsmanager create-secret --name /cli/db --secret-string {\"password\":\"one\"} --query Name", "/cli/db"},
		{"secretsmanager get-secret-value --secret-id /cli/db --query SecretString", `{"password":"one"}`},
		{"secretsmanager put-secret-value --secret-id /cli/db --secret-string {\"password\":\"two\"} --query VersionStages", "AWSCURRENT"},
		{"secretsmanager get-secret-value --secret-id /cli/db --version-stage AWSPREVIOUS --query SecretString", `{"password":"one"}`},
		{"secretsmanager describe-secret --secret-id /cli/db --query length(VersionIdsToStages)", "2"},
		{"secretsmanager list-secrets --filters Key=name,Values=/cli --query SecretList[].Name", "/cli/db"},
		{"secretsmanager batch-get-secret-value --secret-id-list /cli/db none --query Errors[].ErrorCode", notFound},
		{"secretsmanager rotate-secret --secret-id /cli/db --rotation-lambda-arn " + functionARN + " --query Name", "/cli/db"},
		{"secretsmanager tag-resource --secret-id /cli/db --tags Key=team,Value=payments", ""},
		{"secretsmanager describe-secret --secret-id /cli/db --query Tags[].Value", "payments"},
		{"secretsmanager get-secret-value --secret-id none", "refused: \nAn error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: Secrets Manager can't find the specified secret."},
		{"secretsmanager delete-secret --secret-id /cli/db --recovery-window-in-days 7 --query Name", "/cli/db"},
		{"secretsmanager restore-secret --secret-id /cli/db --query Name", "/cli/db"},
		{"sqs get-queue-url --queue-name changes --query QueueUrl", s.URL() + "/111122223333/changes"},
		{"sqs receive-message --queue-url " + s.URL() + "/111122223333/changes --wait-time-seconds 1 --query Messages[].MD5OfBody", "97c160c4079712c26c472eecf9d9be2d"},
		{"sqs get-queue-attributes --queue-url " + s.URL() + "/111122223333/changes --attribute-names All --query Attributes.ApproximateNumberOfMessagesNotVisible", "1"},
		{"sqs receive-message --queue-url " + s.URL() + "/111122223333/none", "refused: \nAn error occurred (AWS.SimpleQueueService.NonExistentQueue) when calling the ReceiveMessage operation: The specified queue does not exist."},
		{"sts get-caller-identity --query Account", localaws.DefaultAccount},
		{"iam create-role --role-name by-cli --query Role.Arn --assume-role-policy-document " + strings.ReplaceAll(accountTrust, " ", ""), "arn:aws:iam::111122223333:role/by-cli"},
		{"iam get-role --role-name by-cli --query Role.AssumeRolePolicyDocument.Statement.Action", "sts:*"},
		{"iam put-role-policy --role-name by-cli --policy-name read --policy-document " + strings.ReplaceAll(everything, " ", ""), ""},
		{"iam delete-role --role-name by-cli", "refused: \nAn error occurred (DeleteConflict) when calling the DeleteRole operation: Cannot delete entity, must delete policies first."},
		{"iam delete-role-policy --role-name by-cli --policy-name read", ""},
		{"iam delete-role --role-name by-cli", ""},
		{"sts assume-role --role-arn arn:aws:iam::111122223333:role/app --role-session-name s-1 --query AssumedRoleUser.Arn", "arn:aws:sts::111122223333:assumed-role/app/s-1"},
	} {
		// Version 1 of the command ignores AWS_ENDPOINT_URL for SQS.
		arguments := append(strings.Fields(step.arguments), "--output", "text", "--endpoint-url", s.URL())
		if got := run(arguments...); strings.TrimSpace(got) != strings.TrimSpace(step.want) {
			t.Errorf("aws %s\ngives %q\nwant  %q", step.arguments, got, step.want)
		}
	}
}
