package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// The types of an in-toto statement with SLSA provenance, version 1.
const (
	statementType  = "https://in-toto.io/Statement/v1"
	provenanceType = "https://slsa.dev/provenance/v1"
	repository     = "https://github.com/secretsync/secretsync"
	// buildType is described in docs/verifying.md.
	buildType = repository + "/blob/main/docs/verifying.md#provenance"
)

// subject is something that the statement is about.
type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// dependency is what a build has used.
type dependency struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// statement says how the subjects were built.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []subject  `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     provenance `json:"predicate"`
}

// provenance is the predicate of SLSA.
type provenance struct {
	BuildDefinition struct {
		BuildType            string            `json:"buildType"`
		ExternalParameters   map[string]string `json:"externalParameters"`
		ResolvedDependencies []dependency      `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
		Metadata struct {
			InvocationID string `json:"invocationId,omitempty"`
			// StartedOn is the time of the commit, as everywhere in the release.
			StartedOn string `json:"startedOn"`
		} `json:"metadata"`
	} `json:"runDetails"`
}

// makeStatements writes the provenance of all files, of the image and of the chart, and then the checksums of all
// files, the provenance included.
func (r *release) makeStatements(context.Context) error {
	subjects, err := filesIn(folder)
	if err != nil {
		return err
	}
	for _, reference := range []string{r.image, r.chart} {
		name, digest, _ := strings.Cut(reference, "@sha256:")
		subjects = append(subjects, subject{Name: name, Digest: map[string]string{"sha256": digest}})
	}
	content, err := json.MarshalIndent(r.statement(subjects, os.Getenv), "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "provenance.intoto.json"), append(content, '\n'), 0o644); err != nil {
		return err
	}
	return writeChecksums(folder)
}

// statement is the provenance of subjects. The environment is that of a workflow of GitHub, or of a dry run.
func (r *release) statement(subjects []subject, environment func(string) string) statement {
	made := statement{Type: statementType, Subject: subjects, PredicateType: provenanceType}
	definition := &made.Predicate.BuildDefinition
	definition.BuildType = buildType
	definition.ExternalParameters = map[string]string{"version": r.version}
	definition.ResolvedDependencies = []dependency{{URI: "git+" + repository, Digest: map[string]string{"gitCommit": r.commit}}}
	details := &made.Predicate.RunDetails
	details.Metadata.StartedOn = r.committed
	details.Builder.ID = repository + "/dry-run"
	if workflow := environment("GITHUB_WORKFLOW_REF"); workflow != "" {
		details.Builder.ID = environment("GITHUB_SERVER_URL") + "/" + workflow
		details.Metadata.InvocationID = environment("GITHUB_SERVER_URL") + "/" + environment("GITHUB_REPOSITORY") + "/actions/runs/" + environment("GITHUB_RUN_ID")
	}
	return made
}

// filesIn lists the files of a folder with their checksums, in the order of their names.
func filesIn(folder string) (files []subject, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		files = append(files, subject{Name: entry.Name(), Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}})
	}
	return files, nil
}

// writeChecksums writes checksums.txt as sha256sum reads it.
func writeChecksums(folder string) error {
	files, err := filesIn(folder)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, file := range files {
		lines.WriteString(file.Digest["sha256"] + "  " + file.Name + "\n")
	}
	return os.WriteFile(filepath.Join(folder, "checksums.txt"), []byte(lines.String()), 0o644)
}
