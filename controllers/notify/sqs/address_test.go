package sqs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestURLsOfQueuesAreUnderstood(t *testing.T) {
	for url, want := range map[string]Address{
		"https://sqs.eu-west-1.amazonaws.com/111122223333/changes":          {Region: "eu-west-1", Account: "111122223333", Name: "changes"},
		"https://sqs.us-gov-west-1.amazonaws.com/111122223333/changes.fifo": {Region: "us-gov-west-1", Account: "111122223333", Name: "changes.fifo"},
		"https://sqs.cn-north-1.amazonaws.com.cn/111122223333/changes":      {Region: "cn-north-1", Account: "111122223333", Name: "changes"},
		"https://sqs-fips.us-east-1.amazonaws.com/111122223333/changes":     {Region: "us-east-1", Account: "111122223333", Name: "changes"},
		"https://sqs.eu-west-1.api.aws/111122223333/changes_2":              {Region: "eu-west-1", Account: "111122223333", Name: "changes_2"},
		"http://127.0.0.1:4566/111122223333/changes":                        {Origin: "http://127.0.0.1:4566", Account: "111122223333", Name: "changes"},
		"http://localhost:4566/111122223333/changes":                        {Origin: "http://localhost:4566", Account: "111122223333", Name: "changes"},
		"http://[::1]:4566/111122223333/changes":                            {Origin: "http://[::1]:4566", Account: "111122223333", Name: "changes"},
	} {
		want.URL = url
		got, err := ParseURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

func TestOtherURLsAreRefused(t *testing.T) {
	for _, url := range []string{
		"", "changes", "arn:aws:sqs:eu-west-1:111122223333:changes",
		"http://sqs.eu-west-1.amazonaws.com/111122223333/changes", // Not in plain text.
		"http://192.0.2.1/111122223333/changes", "http://127.0.0.1.example.com/111122223333/changes",
		"https://secretsmanager.eu-west-1.amazonaws.com/111122223333/changes", "https://sqs.amazonaws.com/111122223333/changes",
		"https://sqs.eu-west-1.amazonaws.com/changes", "https://sqs.eu-west-1.amazonaws.com/1111/changes",
		"https://sqs.eu-west-1.amazonaws.com/111122223333/", "https://sqs.eu-west-1.amazonaws.com/111122223333/a/b",
		"https://me:hunter2@sqs.eu-west-1.amazonaws.com/111122223333/changes", "https://me:hunter2@sqs.%zz/111122223333/changes",
		"https://sqs.eu-west-1.amazonaws.com/111122223333/changes?token=hunter2",
	} {
		if _, err := ParseURL(url); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
