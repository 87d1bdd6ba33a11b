# Two images from one build: the stand-in Canvas for trying things out
# (--target standin), and, last and by default, the production program.

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
ENV CGO_ENABLED=0
RUN go build -trimpath -buildvcs=false -ldflags="-s -w" -o /out/tokendesk ./cmd/tokendesk \
 && go build -trimpath -buildvcs=false -ldflags="-s -w" -o /out/canvas-standin ./cmd/canvas-standin \
 && mkdir /out/data

# Nothing is in the images but a program, the roots it trusts, and a user who is
# not root. Time zones are inside the program.
FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65532:65532

FROM base AS standin
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/canvas-standin /usr/local/bin/canvas-standin
EXPOSE 8081
ENTRYPOINT ["/usr/local/bin/canvas-standin"]

FROM base AS tokendesk
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/tokendesk /usr/local/bin/tokendesk
ENV TOKENDESK_LISTEN=0.0.0.0:8080 \
    TOKENDESK_DATABASE_URL=sqlite:/data/tokendesk.db
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/tokendesk"]
CMD ["serve"]
