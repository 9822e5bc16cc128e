# SecretSync. `make` prints the targets. Everything needed is fetched or built by Go.

SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The minor version of Kubernetes that tests run against.
KUBERNETES ?= 1.37

##@ Develop

.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2} /^##@/ {printf "\n%s\n", substr($$0, 5)}' $(MAKEFILE_LIST)

.PHONY: generate
generate: bin/controller-gen bin/crd-ref-docs ## Generate deepcopy, CRD, RBAC, the chart's copies, the references of the API and metrics, alerts and dashboards
	bin/controller-gen object paths=./api/...
	bin/controller-gen crd paths=./api/... output:crd:dir=config/crd
	go run ./hack/unwrap config/crd/secretsync.dev_secretsyncs.yaml
	bin/controller-gen rbac:roleName=secretsync-manager paths=./controllers/secretsync/... output:rbac:dir=config/rbac
	bin/controller-gen rbac:roleName=secretsync-service-account-tokens paths=./controllers/serviceaccount/... output:rbac:dir=config/components/service-account-tokens
	bin/controller-gen rbac:roleName=secretsync-rollouts paths=./controllers/rollout/... output:rbac:dir=config/components/rollouts
	bin/controller-gen rbac:roleName=secretsync-metrics-auth,fileName=metrics_auth_role.yaml paths=./cmd/... output:rbac:dir=config/rbac
	cp config/crd/secretsync.dev_secretsyncs.yaml config/chart/files/secretsyncs.yaml
	cp config/rbac/role.yaml config/chart/files/role.yaml
	cp config/rbac/leader_election_role.yaml config/chart/files/leader-election-role.yaml
	cp config/rbac/metrics_auth_role.yaml config/chart/files/metrics-auth-role.yaml
	cp config/components/service-account-tokens/role.yaml config/chart/files/service-account-tokens-role.yaml
	cp config/components/rollouts/role.yaml config/chart/files/rollouts-role.yaml
	cp config/admission/rollouts/restarts-alone.yaml config/admission/operator/finalizers-alone.yaml config/admission/operator/token-secrets.yaml config/chart/files/
	go run ./hack/chart config/chart
	go run ./hack/monitoring
	bin/crd-ref-docs --config hack/tools/crd-ref-docs/config.yaml --renderer markdown --source-path api --output-path docs/reference/api.md --log-level ERROR
	go run ./hack/unwrap docs/reference/api.md

.PHONY: verify
verify: generate ## Fail if generated files or go.mod are stale
	go mod tidy -diff
	@changes="$$(git status --porcelain -- api config docs)"; if [ -n "$$changes" ]; then echo "stale, run make generate and commit:"; echo "$$changes"; exit 1; fi

.PHONY: lint
lint: bin/golangci-lint bin/helm ## Lint Go and the chart
	bin/golangci-lint run ./...
	@for values in config/chart/values.yaml config/chart/ci/*-values.yaml; do bin/helm lint --strict --quiet -f $$values config/chart || exit 1; done

.PHONY: vulnerabilities
vulnerabilities: bin/govulncheck ## Fail if the released code reaches a known vulnerability; VULNDB=… uses a mirror
	@bin/govulncheck $(if $(VULNDB),-db $(VULNDB)) ./api/... ./cmd/... ./controllers/... || case $$? in \
		3) echo "vulnerabilities: found, see above" >&2; exit 3;; \
		*) echo "vulnerabilities: NOT CHECKED, probably because Go's vulnerability database can't be reached: see above" >&2; exit 1;; esac

.PHONY: test
test: controlplane bin/helm bin/kube-state-metrics ## Run all tests, with the race detector, against a real control plane
	SECRETSYNC_KUBERNETES=$(KUBERNETES) go test -race -shuffle=on -timeout 45m $$(go list ./... | grep -v /hack/hostile$$)
	SECRETSYNC_KUBERNETES=$(KUBERNETES) go test -race -shuffle=on -timeout 30m ./hack/hostile # It compares times, so it runs alone.

.PHONY: test-oldest
test-oldest: ## Run all tests against the oldest supported Kubernetes
	$(MAKE) test KUBERNETES=1.32

.PHONY: test-node
test-node: controlplane bin/helm ## Test the chart on a real node, as root on Linux; IMAGE=…, RELEASE=dist, RUN=TestTakeOver, LONG=1
	SECRETSYNC_NODE=$(if $(LONG),long,short) $(if $(IMAGE),SECRETSYNC_IMAGE=$(abspath $(IMAGE))) \
		$(if $(RELEASE),SECRETSYNC_RELEASE=$(abspath $(RELEASE)) SECRETSYNC_IMAGE=$(abspath $(RELEASE))/secretsync-image.oci.tar) \
		go test -count=1 -v -p 1 -timeout 40m $(if $(RUN),-run '$(RUN)') ./hack/node ./hack/pods

.PHONY: soak
soak: controlplane ## Take many random steps against a model; STEPS=1000, SEED=… repeats them
	SECRETSYNC_KUBERNETES=$(KUBERNETES) SECRETSYNC_MODEL_STEPS=$(or $(STEPS),1000) $(if $(SEED),SECRETSYNC_MODEL_SEED=$(SEED)) \
		go test -race -count=1 -v -timeout 2h -run TestModel ./hack/model

MUTANTS = accesspolicy serviceaccount target arns references \
	source/aws $(addprefix source/aws/,identity pacing partitions refusal sharing) \
	secretsync $(addprefix secretsync/,failure ownwrites queue resolve schedule status)

.PHONY: mutants
mutants: ## Break packages in one place at a time and check if a unit test fails; PACKAGE=target, ONLY='takeover.go'
	go run ./hack/mutants $(if $(ONLY),-only '$(ONLY)') $(addprefix ./controllers/,$(or $(PACKAGE),$(MUTANTS)))

.PHONY: controlplane
controlplane: ## Download or build the programs of the control plane, once
	@go run ./hack/controlplane/cmd/controlplane build $(KUBERNETES)

.PHONY: demo
demo: ## Run the demo on a real control plane; KEEP=1 leaves it running
	@echo "Compiling the demo: some minutes the first time, seconds later. It then says how long the rest takes."
	@go run ./hack/demo $(if $(KEEP),-keep)

.PHONY: pictures
pictures: controlplane ## Redraw the pictures of the dashboards in docs/, from a live operator; needs Prometheus
	SECRETSYNC_PICTURES=$(abspath docs) SECRETSYNC_KUBERNETES=$(KUBERNETES) go test -count=1 -v -run TestPictures ./hack/events

.PHONY: samples
samples: ## Create the secrets of config/samples in your AWS account, and apply the samples; NAMESPACE=samples, CLEAN=1 removes them
	go run ./hack/samples/cmd/samples -namespace $(or $(NAMESPACE),samples) $(if $(CLEAN),clean,apply)

.PHONY: bench
bench: controlplane ## Measure what syncing costs; N=1000 SecretSyncs, SCENARIO=first-sync,restart or all
	go run ./hack/bench -n $(or $(N),1000) $(if $(SCENARIO),-scenario $(SCENARIO)) -json bin/bench.json

##@ Build

.PHONY: build
build: ## Build the manager and the plugin of kubectl into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/ ./cmd/manager ./cmd/kubectl-secretsync

.PHONY: image
image: ## Build the image for amd64 and arm64 into bin/secretsync.oci.tar; TWICE=1 proves that it is reproducible
	go run ./hack/image -version $(VERSION) $(if $(TWICE),-twice)

.PHONY: set-version
set-version: ## Write VERSION=v… into the chart, config/default and the docs, before a release
	go run ./hack/release set-version $(VERSION)

RELEASE_TOOLS = bin/helm bin/kustomize bin/crane bin/cosign bin/cyclonedx-gomod bin/operator-verify

.PHONY: release-dry-run
release-dry-run: controlplane $(RELEASE_TOOLS) ## Make a release in dist/ and a local registry, verify it and install from it
	SECRETSYNC_KUBERNETES=$(KUBERNETES) go run ./hack/release dry-run $(or $(RELEASE),$(shell sed -n 's/^appVersion: //p' config/chart/Chart.yaml))

.PHONY: release
release: $(RELEASE_TOOLS) ## Make the release RELEASE=v… in dist/ and push it; the workflow does it for a tag
	go run ./hack/release publish $(RELEASE)

.PHONY: clean
clean: ## Remove bin/ and dist/; the cache outside the checkout stays
	rm -rf bin dist

bin/golangci-lint: hack/tools/golangci-lint/go.mod
	go build -C hack/tools/golangci-lint -o ../../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

bin/crd-ref-docs: hack/tools/crd-ref-docs/go.mod
	go build -C hack/tools/crd-ref-docs -o ../../../bin/crd-ref-docs github.com/elastic/crd-ref-docs
	@touch $@

bin/helm: hack/tools/helm/go.mod
	go build -C hack/tools/helm -o ../../../bin/helm helm.sh/helm/v4/cmd/helm
	@touch $@

bin/kube-score: hack/tools/kube-score/go.mod
	go build -C hack/tools/kube-score -o ../../../bin/kube-score github.com/zegl/kube-score/cmd/kube-score
	@touch $@

bin/kube-state-metrics: hack/tools/kube-state-metrics/go.mod
	go build -C hack/tools/kube-state-metrics -o ../../../bin/kube-state-metrics k8s.io/kube-state-metrics/v2
	@touch $@

bin/kustomize: hack/tools/kustomize/go.mod
	go build -C hack/tools/kustomize -o ../../../bin/kustomize sigs.k8s.io/kustomize/kustomize/v5
	@touch $@

bin/govulncheck: hack/tools/govulncheck/go.mod
	go build -C hack/tools/govulncheck -o ../../../bin/govulncheck golang.org/x/vuln/cmd/govulncheck
	@touch $@

bin/crane: hack/tools/crane/go.mod
	go build -C hack/tools/crane -o ../../../bin/crane github.com/google/go-containerregistry/cmd/crane
	@touch $@

bin/cosign: hack/tools/cosign/go.mod
	go build -C hack/tools/cosign -o ../../../bin/cosign github.com/sigstore/cosign/v3/cmd/cosign
	@touch $@

bin/cyclonedx-gomod: hack/tools/cyclonedx-gomod/go.mod
	go build -C hack/tools/cyclonedx-gomod -o ../../../bin/cyclonedx-gomod github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@

bin/operator-verify: hack/tools/operator-verify/go.mod
	go build -C hack/tools/operator-verify -o ../../../bin/operator-verify github.com/operator-framework/api/cmd/operator-verify
	@touch $@

bin/controller-gen: hack/tools/go.mod
	go build -C hack/tools -o ../../bin/controller-gen sigs.k8s.io/controller-tools/cmd/controller-gen
	@touch $@
