# The manager's image: one static binary on an empty base, as a user without rights. `make image` builds it.
#
# Both base images are arguments, so that the image can be built from a mirror, or where no registry is reached; they
# are pinned by digest, so that a tag that moves changes nothing: CONTRIBUTING.md says how to take newer ones. For
# several architectures build with --platform; Go cross-compiles, so the builder always runs on the builder's own.
ARG BUILDER_IMAGE=golang:1.26.8@sha256:3c3e25a4da13fd0478eed2df1eb35a0e667094a7124d3993a6a1d30f71c17e79
ARG BASE_IMAGE=gcr.io/distroless/static:nonroot@sha256:e2e927ec666bae08560abb3c55d0659eceabb657f56b6782ab500a9fc7f555e3

FROM --platform=${BUILDPLATFORM:-linux/amd64} ${BUILDER_IMAGE} AS build
WORKDIR /src
# The modules first: they change less often than the code, and are a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=dev
# The same files give the same bytes: no path, no build id and no state of a checkout is in the binary.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=${VERSION}" -o /manager ./cmd/manager

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="secretsync" \
      org.opencontainers.image.description="Keeps Kubernetes Secrets equal to secrets in AWS Secrets Manager" \
      org.opencontainers.image.source="https://github.com/secretsync/secretsync" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /manager /manager
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/manager"]
