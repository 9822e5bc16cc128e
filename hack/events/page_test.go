package events

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// template is the part of the page's CloudFormation template that the test reads.
type template struct {
	Resources struct {
		Changes struct {
			Properties struct {
				VisibilityTimeout int
				RedrivePolicy     struct{ MaxReceiveCount int }
			}
		}
		Rule struct {
			Properties struct {
				Name         string
				EventPattern struct {
					Source     []string
					DetailType []string `json:"detail-type"`
				}
				Targets []struct{ ARN string }
			}
		}
		RuleMaySend struct {
			Properties struct{ PolicyDocument json.RawMessage }
		}
	}
}

// TestWhatThePageInstallsIsEnough sets up what docs/change-events.md has for CloudFormation, and gives the operator
// exactly the permissions that the page lists.
func TestWhatThePageInstallsIsEnough(t *testing.T) {
	s := newSetup(t)
	const ruleARN = "arn:aws:events:" + localaws.DefaultRegion + ":" + localaws.DefaultAccount + ":rule/"
	content, err := os.ReadFile(filepath.Join(testsuite.Root, "docs/change-events.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	text := block(t, page, "yaml", "AWSTemplateFormatVersion")
	name := regexp.MustCompile(`Type: AWS::Events::Rule\s+Properties:\s+Name: (\S+)`).FindStringSubmatch(text)
	if name == nil {
		t.Fatal("the rule has no name")
	}
	text = strings.NewReplacer("!GetAtt Changes.Arn", s.queue, "!GetAtt DeadLetters.Arn", s.dead, "!GetAtt Rule.Arn", ruleARN+name[1], "!Ref Changes", "url").Replace(text)
	var installed template
	if err := yaml.Unmarshal([]byte(text), &installed); err != nil {
		t.Fatal(err)
	}
	queue, rule := installed.Resources.Changes.Properties, installed.Resources.Rule.Properties
	if len(rule.Targets) != 1 || rule.Targets[0].ARN != s.queue || len(rule.EventPattern.Source) != 1 || rule.EventPattern.Source[0] != "aws.secretsmanager" {
		t.Errorf("the rule sends events of %v to %v", rule.EventPattern.Source, rule.Targets)
	}
	if _, err := s.env.AWS.AddQueue(localaws.Queue{
		Name: queueName, DeadLetterQueue: s.dead, MaxReceives: queue.RedrivePolicy.MaxReceiveCount,
		VisibilityTimeout: time.Duration(queue.VisibilityTimeout) * time.Second,
		Policy:            string(installed.Resources.RuleMaySend.Properties.PolicyDocument),
	}); err != nil {
		t.Fatal(err)
	}
	// The setup's own rule still exists; the queue's policy refuses its messages.
	if _, err := s.env.AWS.AddEventRule(localaws.EventRule{Name: rule.Name, Queue: s.queue, DetailTypes: rule.EventPattern.DetailType}); err != nil {
		t.Fatal(err)
	}
	s.allow(strings.Replace(block(t, page, "json", "sqs:ReceiveMessage"), ":secretsync-changes", ":"+queueName, 1))
	s.start()
	_, value := s.create("db")
	s.sync("db", s.secretID("db"), alone)
	s.awaitValue("db", value)
	s.awaitValue("db", s.put(s.secretID("db")))
	s.awaitDrained()
	for _, call := range s.env.AWS.Calls() {
		if call.AccessKeyID == operator && call.Code != "" && call.Code != "ResourceNotFoundException" {
			t.Errorf("%s was refused with %s", call.Operation, call.Code)
		}
	}
}

// block is the code block of a page that has a language and contains a text.
func block(t *testing.T, page, language, mentions string) string {
	t.Helper()
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if strings.Contains(found[1], mentions) {
			return found[1]
		}
	}
	t.Fatalf("the page has no block of %s that mentions %s", language, mentions)
	return ""
}

// allow lets the operator read the setup's secrets and do what statement allows; the key tester may do everything.
func (s *setup) allow(statement string) {
	s.Helper()
	reading := fmt.Sprintf(`{"Effect": "Allow", "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
		"Resource": "arn:aws:secretsmanager:*:*:secret:/%s/*"}`, s.namespace)
	if _, err := s.env.AWS.AddUser(localaws.User{Name: operator, AccessKeyID: operator, SecretAccessKey: "a-key-that-is-checked",
		Policies: []string{`{"Version": "2012-10-17", "Statement": [` + reading + `,` + statement + `]}`}}); err != nil {
		s.Fatal(err)
	}
	s.env.AWS.AddPrincipal(tester, localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::" + localaws.DefaultAccount + ":user/" + tester})
	s.env.Credentials = []string{"AWS_ACCESS_KEY_ID=" + operator, "AWS_SECRET_ACCESS_KEY=a-key-that-is-checked", "AWS_EC2_METADATA_DISABLED=true"}
}
