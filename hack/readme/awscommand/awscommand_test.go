package awscommand_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/readme/awscommand"
)

const everything = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`

func TestMain(m *testing.M) {
	if awscommand.Started() {
		os.Exit(awscommand.Run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestCommand makes the calls of README.md.
func TestCommand(t *testing.T) {
	server, err := localaws.Start(&localaws.Server{}, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	const key, secretKey = "newcomer", "a-key-that-is-checked"
	if _, err := server.AddUser(localaws.User{Name: key, AccessKeyID: key, SecretAccessKey: secretKey, Policies: []string{everything}}); err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "policy.json"), []byte(everything), 0o600); err != nil {
		t.Fatal(err)
	}
	trust := `{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}}`
	if err := awscommand.Link(directory); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		arguments []string
		fails     bool
		want      string
	}{
		{[]string{"sts", "get-caller-identity", "--query", "Account", "--output", "text"}, false, "111122223333"},
		{[]string{"sts", "get-caller-identity", "--query", "None", "--output", "text"}, true, "no None"},
		{[]string{"iam", "create-role", "--role-name", "app", "--assume-role-policy-document", trust}, false, "role/app"},
		{[]string{"iam", "create-role", "--role-name", "app", "--assume-role-policy-document", trust}, true, "EntityAlreadyExists"},
		{[]string{"iam", "put-role-policy", "--role-name", "app", "--policy-name", "app", "--policy-document", "file://policy.json"}, false, ""},
		{[]string{"iam", "put-role-policy", "--role-name", "app", "--policy-name", "app", "--policy-document", "file://none.json"}, true, "none.json"},
		{[]string{"secretsmanager", "create-secret", "--name", "/prod/payments/db", "--secret-string", "a value"}, false, "/prod/payments/db"},
		{[]string{"secretsmanager", "create-secret", "--name"}, true, "parameters with values"},
		{[]string{"s3", "ls"}, true, "s3 is not supported"},
	} {
		command := exec.CommandContext(t.Context(), filepath.Join(directory, awscommand.Name), step.arguments...)
		command.Dir = directory
		command.Env = []string{"AWS_ENDPOINT_URL=" + server.URL(), "AWS_REGION=" + localaws.DefaultRegion, "AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=" + secretKey}
		output, err := command.CombinedOutput()
		if (err != nil) != step.fails || !strings.Contains(string(output), step.want) {
			t.Errorf("aws %q: %v: %s, want %s", step.arguments, err, output, step.want)
		}
	}
}
