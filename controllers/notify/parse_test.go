package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	region  = "eu-west-1"
	account = "111122223333"
	prefix  = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:"
	dbARN   = prefix + "/prod/db-a1B2c3"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// called is the event of an API call, as EventBridge sends it.
func called(name, request, response string) string {
	return `{"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "AWS API Call via CloudTrail",
		"source": "aws.secretsmanager", "account": "` + account + `", "time": "2026-03-01T12:00:02Z", "region": "` + region + `", "resources": [],
		"detail": {"eventVersion": "1.09", "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/admin/me"},
			"eventTime": "2026-03-01T12:00:00Z", "eventSource": "secretsmanager.amazonaws.com", "eventName": "` + name + `", "awsRegion": "` + region + `",
			"sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli/2", "requestParameters": ` + request + `, "responseElements": ` + response + `,
			"readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": "` + account + `", "eventCategory": "Management"}}`
}

// happened is an event of the service itself.
func happened(name, more string) string {
	return `{"version": "0", "id": "d82e0a2d-f36e-11fd-37cb-cba423a71196", "detail-type": "AWS Service Event via CloudTrail",
		"source": "aws.secretsmanager", "account": "` + account + `", "time": "2026-03-01T12:00:00Z", "region": "` + region + `", "resources": [],
		"detail": {"eventVersion": "1.08", "userIdentity": {"accountId": "` + account + `", "invokedBy": "secretsmanager.amazonaws.com"},
			"eventSource": "secretsmanager.amazonaws.com", "eventName": "` + name + `", "awsRegion": "` + region + `", ` + more + `
			"requestParameters": null, "responseElements": null, "additionalEventData": {"SecretId": "` + dbARN + `", "ClientRequestToken": "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"},
			"eventType": "AwsServiceEvent", "recipientAccountId": "` + account + `", "eventCategory": "Management"}}`
}

// happenedTo is an event of the service itself that names its secret in serviceEventDetails alone.
func happenedTo(name, secretID string) string {
	return strings.NewReplacer(`"SecretId"`, `"other"`, `"additionalEventData"`, `"x"`).Replace(happened(name, `"serviceEventDetails": {"secretId": "`+secretID+`"},`))
}

// moved is an event of a label that has moved.
const moved = `{"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Secret Label Updated", "source": "aws.secretsmanager",
	"account": "` + account + `", "time": "2026-03-01T12:00:00Z", "region": "` + region + `", "resources": ["` + dbARN + `"],
	"detail": {"name": "/prod/db", "labelUpdated": "AWSCURRENT", "versionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`

// change is what all of these events report. edit says what is different.
func change(event string, edit func(*Change)) Change {
	c := Change{SecretID: dbARN, ARN: dbARN, Region: region, Account: account, Event: event, Time: noon}
	if edit != nil {
		edit(&c)
	}
	return c
}

func TestEveryChangeIsUnderstood(t *testing.T) {
	byName := func(c *Change) { c.SecretID = "/prod/db" }
	at := func(stage, version string) func(*Change) {
		return func(c *Change) { c.SecretID, c.Stages, c.VersionID = "/prod/db", some(stage), version }
	}
	for name, test := range map[string]struct {
		body string
		want Change
	}{
		"a value by name":           {called("PutSecretValue", `{"secretId": "/prod/db", "clientRequestToken": "x", "versionStages": ["AWSPENDING"]}`, `{"arn": "`+dbARN+`"}`), change("PutSecretValue", at("AWSPENDING", "x"))},
		"a value under two labels":  {called("PutSecretValue", `{"secretId": "/prod/db", "clientRequestToken": "x", "versionStages": ["AWSCURRENT", "blue"]}`, `{"arn": "`+dbARN+`"}`), change("PutSecretValue", func(c *Change) { at("", "x")(c); c.Stages = []string{"AWSCURRENT", "blue"} })},
		"labels that are no list":   {called("PutSecretValue", `{"secretId": "/prod/db", "clientRequestToken": "x", "versionStages": ["AWSCURRENT", 7]}`, `{"arn": "`+dbARN+`"}`), change("PutSecretValue", at("", "x"))},
		"a value by its token":      {called("PutSecretValue", `{"secretId": "/prod/db", "clientRequestToken": "x", "versionStages": null}`, `null`), change("PutSecretValue", func(c *Change) { at("AWSCURRENT", "x")(c); c.ARN = "" })},
		"a value that is answered":  {called("UpdateSecret", `{"secretId": "/prod/db", "clientRequestToken": "x"}`, `{"arn": "`+dbARN+`", "versionId": "v"}`), change("UpdateSecret", at("AWSCURRENT", "v"))},
		"a description alone":       {called("UpdateSecret", `{"secretId": "/prod/db", "clientRequestToken": "x", "description": "y"}`, `{"arn": "`+dbARN+`"}`), change("UpdateSecret", byName)},
		"a version that is no text": {called("PutSecretValue", `{"secretId": "/prod/db", "clientRequestToken": 7, "versionStages": "x"}`, `{"arn": "`+dbARN+`", "versionId": {}}`), change("PutSecretValue", byName)},
		"a label by name":           {called("UpdateSecretVersionStage", `{"secretId": "/prod/db", "versionStage": "blue", "moveToVersionId": "v", "removeFromVersionId": "w"}`, `{"arn": "`+dbARN+`"}`), change("UpdateSecretVersionStage", at("blue", "v"))},
		"a value by ARN":            {called("UpdateSecret", `{"secretId": "`+dbARN+`"}`, `{"arn": "`+dbARN+`"}`), change("UpdateSecret", nil)},
		"the ARN as it once was":    {called("UpdateSecret", `{"secretId": "/prod/db"}`, `{"aRN": "`+dbARN+`"}`), change("UpdateSecret", byName)},
		"the ARN in capitals":       {called("PutSecretValue", `{"secretId": "/prod/db"}`, `{"ARN": "`+dbARN+`", "name": "/prod/db"}`), change("PutSecretValue", byName)},
		"a label by a partial ARN":  {called("UpdateSecretVersionStage", `{"secretId": "`+prefix+`/prod/db", "versionStage": "AWSCURRENT"}`, `{"arn": "`+dbARN+`"}`), change("UpdateSecretVersionStage", func(c *Change) { c.SecretID, c.Stages = prefix+"/prod/db", some("AWSCURRENT") })},
		"an answer without an ARN":  {called("TagResource", `{"secretId": "/prod/db", "tags": [{"key": "a", "value": "b"}]}`, `null`), change("TagResource", func(c *Change) { c.SecretID, c.ARN = "/prod/db", "" })},
		"another account's secret": {called("PutSecretValue", `{"secretId": "arn:aws:secretsmanager:us-east-1:444455556666:secret:x-a1b2c3"}`, `null`), change("PutSecretValue", func(c *Change) {
			c.SecretID, c.ARN, c.Region, c.Account = "arn:aws:secretsmanager:us-east-1:444455556666:secret:x-a1b2c3", "", "us-east-1", "444455556666"
		})},
		"a new secret":              {called("CreateSecret", `{"name": "/prod/db", "clientRequestToken": "x"}`, `{"arn": "`+dbARN+`", "name": "/prod/db"}`), change("CreateSecret", byName)},
		"a new secret without ARN":  {called("CreateSecret", `{"name": "/prod/db"}`, `null`), change("CreateSecret", func(c *Change) { c.SecretID, c.ARN = "/prod/db", "" })},
		"a deletion":                {called("DeleteSecret", `{"secretId": "/prod/db", "recoveryWindowInDays": 7}`, `{"arn": "`+dbARN+`", "deletionDate": "Mar 8, 2026, 12:00:00 PM"}`), change("DeleteSecret", byName)},
		"a deletion for good":       {called("DeleteSecret", `{"secretId": "/prod/db", "forceDeleteWithoutRecovery": true}`, `{"arn": "`+dbARN+`"}`), change("DeleteSecret", func(c *Change) { c.SecretID, c.Forced = "/prod/db", true })},
		"a restored secret":         {called("RestoreSecret", `{"secretId": "/prod/db"}`, `{"arn": "`+dbARN+`"}`), change("RestoreSecret", byName)},
		"a rotation that is wanted": {called("RotateSecret", `{"secretId": "/prod/db", "rotationRules": {"automaticallyAfterDays": 1}}`, `{"arn": "`+dbARN+`"}`), change("RotateSecret", byName)},
		"a policy":                  {called("PutResourcePolicy", `{"secretId": "/prod/db", "resourcePolicy": "{}"}`, `{"arn": "`+dbARN+`"}`), change("PutResourcePolicy", byName)},
		"new replicas":              {called("ReplicateSecretToRegions", `{"secretId": "/prod/db", "addReplicaRegions": [{"region": "us-east-1"}]}`, `{"arn": "`+dbARN+`"}`), change("ReplicateSecretToRegions", byName)},
		"a rotation that begins":    {happened("RotationStarted", ""), change("RotationStarted", func(c *Change) { c.Rotation = RotationStarted })},
		"a rotation that is done": {happened("RotationSucceeded", ""), change("RotationSucceeded", func(c *Change) {
			c.Rotation, c.Stages, c.VersionID = RotationSucceeded, some("AWSCURRENT"), "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"
		})},
		"a rotation in another field": {happenedTo("RotationFailed", dbARN), change("RotationFailed", func(c *Change) { c.Rotation = RotationFailed })},
		"a rotation by name":          {happenedTo("RotationFailed", "/prod/db"), change("RotationFailed", func(c *Change) { byName(c); c.ARN, c.Rotation = "", RotationFailed })},
		"a rotation that failed":      {happened("RotationFailed", `"errorMessage": "Error when executing lambda",`), change("RotationFailed", func(c *Change) { c.Rotation = RotationFailed })},
		"one that was given up":       {happened("RotationAbandoned", ""), change("RotationAbandoned", func(c *Change) { c.Rotation = RotationAbandoned })},
		"a test that failed":          {happened("TestRotationFailed", ""), change("TestRotationFailed", nil)},
		"a label that has moved":      {moved, change("LabelUpdated", at("AWSCURRENT", "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"))},
		"one without its ARN":         {strings.Replace(moved, `["`+dbARN+`"]`, `[]`, 1), change("LabelUpdated", func(c *Change) { at("AWSCURRENT", "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111")(c); c.ARN = "" })},
		"a replica":                   {happened("ReplicationSucceeded", ""), change("ReplicationSucceeded", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			for how, body := range map[string]string{"plain": test.body, "by way of SNS": wrapped(t, test.body)} {
				got, err := Parse([]byte(body))
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

// wrapped is a message as SNS hands it to a queue.
func wrapped(t *testing.T, body string) string {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"Type": "Notification", "MessageId": "x", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:t", "Message": %s, "Timestamp": "2026-03-01T12:00:00Z"}`, text)
}

func TestEventsWithoutAChangeAreNotMalformed(t *testing.T) {
	refused := strings.Replace(called("PutSecretValue", `{"secretId": "/prod/db"}`, `null`), `"eventName"`, `"errorCode": "AccessDenied", "eventName"`, 1)
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"a call that AWS refused":            {refused, errNoChange},
		"a read":                             {called("GetSecretValue", `{"secretId": "/prod/db"}`, `null`), errNoChange},
		"an unknown call":                    {called("FrobnicateSecret", `{"secretId": "/prod/db"}`, `null`), errNoChange},
		"the deletion of a version":          {happened("EndSecretVersionDelete", ""), errNoChange},
		"an event of another kind":           {`{"source": "aws.secretsmanager", "detail-type": "Something New", "detail": {}}`, errNoChange},
		"an event of another service":        {`{"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "PutSecretValue", "requestParameters": ["x"]}}`, errNoChange},
		"nothing":                            {``, errMalformed},
		"no JSON":                            {`PutSecretValue`, errMalformed},
		"a list":                             {`[]`, errMalformed},
		"half an event":                      {called("PutSecretValue", `{"secretId": "/prod/db"}`, `null`)[:300], errMalformed},
		"an object that is no event":         {`{"hello": "world"}`, errMalformed},
		"a change that names no secret":      {called("PutSecretValue", `{}`, `null`), errMalformed},
		"a change without a request":         {called("PutSecretValue", `null`, `null`), errMalformed},
		"a change whose request is a number": {called("PutSecretValue", `7`, `null`), errMalformed},
		"an event without detail":            {`{"source": "aws.secretsmanager", "detail-type": "AWS API Call via CloudTrail"}`, errMalformed},
		"a notification of nothing":          {`{"Type": "Notification", "Message": "hello"}`, errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Parse([]byte(test.body)); !errors.Is(err, test.want) {
				t.Errorf("got %+v, %v; want %v", got, err, test.want)
			}
		})
	}
}

func TestAnEventWithoutATimeIsAnEvent(t *testing.T) {
	for _, at := range []string{``, `yesterday`} {
		got, err := Parse([]byte(strings.Replace(happened("RotationFailed", ""), `"time": "2026-03-01T12:00:00Z"`, `"time": "`+at+`"`, 1)))
		if err != nil || !got.Time.IsZero() || got.ARN != dbARN {
			t.Errorf("time %q: %+v, %v", at, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(called("PutSecretValue", `{"secretId": "/prod/db"}`, `{"arn": "`+dbARN+`"}`)))
	f.Add([]byte(happened("RotationFailed", "")))
	f.Add([]byte(`{"Type": "Notification", "Message": "{}"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		change, err := Parse(body)
		switch {
		case err == nil && change.SecretID == "":
			t.Error("a change of no secret")
		case err != nil && err.Error() != errMalformed.Error() && err.Error() != errNoChange.Error():
			t.Errorf("an error of its own: %v", err)
		case err == nil:
			_ = change.names()
			_ = change.isOf(change.SecretID)
		}
	})
}
