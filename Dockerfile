# The image of `sidegate serve`. Not built by CI, which has no container engine.
#
#   docker build -t sidegate .
#   docker run --rm sidegate secrets new > sidegate.secret     # once: it encrypts the signing keys, so keep it
#   docker run -p 8080:8080 -e SIDEGATE_SECRET="$(cat sidegate.secret)" \
#       -v ./sidegate.yaml:/etc/sidegate/sidegate.yaml:ro sidegate

FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --locked --release

FROM debian:bookworm-slim
# The certificates verify upstreams and the issuers of others.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home sidegate
COPY --from=build /build/target/release/sidegate /usr/local/bin/sidegate
USER 10001
EXPOSE 8080 9901
ENTRYPOINT ["sidegate"]
CMD ["serve", "--config", "/etc/sidegate/sidegate.yaml"]
