// Package awscommand replaces the aws command for machines that don't have it. It supports the services and the forms of
// parameters that README.md uses: --name value and --name file://path.
//
// It may import the standard library and the SDK's signer.
package awscommand

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
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Name is the name by which a binary is the command: see Link.
const Name = "aws"

// Link links the command into a directory. It is the running binary, which has to call Run when it is started as Name.
func Link(directory string) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	return os.Symlink(binary, filepath.Join(directory, Name))
}

// Started says whether the running binary was started as the command.
func Started() bool { return filepath.Base(os.Args[0]) == Name }

// Run runs the command with its arguments and gives its exit code.
func Run(arguments []string) int {
	output, err := call(context.Background(), arguments)
	if err != nil {
		fmt.Fprintln(os.Stderr, "aws:", err)
		return 1
	}
	fmt.Println(output)
	return 0
}

func call(ctx context.Context, arguments []string) (output string, err error) {
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
