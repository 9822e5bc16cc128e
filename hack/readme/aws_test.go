package readme_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/secretsync/secretsync/hack/localaws"
)

// substitute is the name by which the test binary is the aws command, for machines that don't have it. It supports the
// services and the forms of parameters that README.md uses: --name value and --name file://path.
const substitute = "aws"

// substituteDirectory is a directory that has the substitute.
func substituteDirectory(t *testing.T) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(directory, substitute)); err != nil {
		t.Fatal(err)
	}
	return directory
}

// runSubstitute runs the command and gives its exit code.
func runSubstitute(arguments []string) int {
	output, err := callAWS(context.Background(), arguments)
	if err != nil {
		fmt.Fprintln(os.Stderr, "aws:", err)
		return 1
	}
	fmt.Println(output)
	return 0
}

func callAWS(ctx context.Context, arguments []string) (output string, err error) {
	if len(arguments) < 2 || len(arguments)%2 != 0 {
		return "", fmt.Errorf("want a service, an operation, and parameters with values, got %q", arguments)
	}
	service, operation := arguments[0], camelCase(arguments[1])
	parameters, query := map[string]string{}, ""
	for i := 2; i < len(arguments); i += 2 {
		name, value := strings.TrimPrefix(arguments[i], "--"), arguments[i+1]
		if file, isFile := strings.CutPrefix(value, "file://"); isFile {
			content, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			value = string(content)
		}
		switch name {
		case "query":
			query = value
		case "output":
			if value != "text" {
				return "", fmt.Errorf("--output %s is not supported", value)
			}
		default:
			parameters[camelCase(name)] = value
		}
	}
	answer, err := send(ctx, service, operation, parameters)
	if err != nil || query == "" {
		return string(answer), err
	}
	return element(answer, query)
}

// send sends a signed request in the protocol of the service.
func send(ctx context.Context, service, operation string, parameters map[string]string) ([]byte, error) {
	versions := map[string]string{"sts": "2011-06-15", "iam": "2010-05-08"}
	var body []byte
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	switch {
	case versions[service] != "":
		form := url.Values{"Action": {operation}, "Version": {versions[service]}}
		for name, value := range parameters {
			form.Set(name, value)
		}
		body = []byte(form.Encode())
	case service == "secretsmanager":
		parameters["ClientRequestToken"] = fmt.Sprintf("%032d", time.Now().UnixNano())
		header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"secretsmanager." + operation}}
		var err error
		if body, err = json.Marshal(parameters); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("the service %s is not supported", service)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("AWS_ENDPOINT_URL"), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = header
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}
	if err := v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(hash[:]), service, os.Getenv("AWS_REGION"), time.Now()); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return answer, err
}

// element is the text of the first element of an XML document with a name.
func element(document []byte, name string) (string, error) {
	decoder := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := decoder.Token()
		if err != nil {
			return "", fmt.Errorf("the answer has no %s: %w", name, err)
		}
		if start, begins := token.(xml.StartElement); begins && start.Name.Local == name {
			var text string
			return text, decoder.DecodeElement(&text, &start)
		}
	}
}

// camelCase turns role-name into RoleName.
func camelCase(name string) string {
	var camel strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		if word != "" {
			camel.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return camel.String()
}

// TestSubstitute makes the calls of README.md by the substitute, on machines with an aws command, too.
func TestSubstitute(t *testing.T) {
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
		command := exec.CommandContext(t.Context(), filepath.Join(substituteDirectory(t), substitute), step.arguments...)
		command.Dir = directory
		command.Env = []string{"AWS_ENDPOINT_URL=" + server.URL(), "AWS_REGION=" + localaws.DefaultRegion, "AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=" + secretKey}
		output, err := command.CombinedOutput()
		if (err != nil) != step.fails || !strings.Contains(string(output), step.want) {
			t.Errorf("aws %q: %v: %s, want %s", step.arguments, err, output, step.want)
		}
	}
}
