//! Random chunked bodies, intact and damaged, compared with two other parsers: httparse, which Pingora uses, and hyper.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use proptest::{collection::vec, prelude::*, sample::select};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Chunks, Fault};
use crate::gate::testing::cases;

const EXTENSIONS: [&str; 7] = ["", "", ";a", ";a=b", ";a=\"b; c\\\"\"", " ; a = b", ";a=\"\";b"];
const TRAILERS: [&str; 5] = ["", "", "A: b\r\n", "A:\r\nB: c d\r\n", "Content-Length: 5\r\n"];
/// What attacks on chunks consist of.
const DAMAGE: [&[u8]; 22] = [
    b"\r",
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b"\0",
    b";",
    b"=",
    b"\"",
    b"\\",
    b":",
    b"0",
    b"5",
    b"a",
    b"g",
    b"x",
    b"+",
    b"\x7f",
    b"\x80",
    b"0\r\n\r\n",
    b";a=\"",
    b"ffffffffffffffff",
];

fn intact() -> impl Strategy<Value = Vec<u8>> {
    let extension = || select(&EXTENSIONS[..]);
    let chunk = (vec(any::<u8>(), 1..40), extension()).prop_map(|(data, extension)| {
        let mut chunk = format!("{:x}{extension}\r\n", data.len()).into_bytes();
        chunk.extend(data);
        chunk.extend(b"\r\n");
        chunk
    });
    (vec(chunk, 0..4), extension(), select(&TRAILERS[..])).prop_map(|(chunks, extension, trailers)| {
        let mut body = chunks.concat();
        body.extend(format!("0{extension}\r\n{trailers}\r\n").bytes());
        body
    })
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<prop::sample::Index>(), 0..3_usize, select(&DAMAGE[..]));
    (intact(), vec(damage, 0..4)).prop_map(|(mut body, damages)| {
        for (place, lost, added) in damages {
            let at = place.index(body.len() + 1);
            let end = (at + lost).min(body.len());
            body.splice(at..end, added.iter().copied());
        }
        body
    })
}

/// The number of bytes of the body when `pieces` arrive one after the other; `None` if it is not complete.
fn inspected(pieces: &[&[u8]]) -> Result<Option<usize>, Fault> {
    let mut chunks = Chunks::default();
    let mut length = 0;
    for piece in pieces {
        length += chunks.inspect(piece)?;
    }
    Ok(chunks.is_complete().then_some(length))
}

/// Data and length of a body by httparse, which accepts more.
fn parsed(body: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(&body[at..]) else {
            return None;
        };
        at += line;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        data.extend(body.get(at..end)?);
        at = end + 2;
        if body.get(end..at)? != b"\r\n" {
            return None;
        }
    }
    let mut trailers = [httparse::EMPTY_HEADER; 16];
    match httparse::parse_headers(&body[at..], &mut trailers) {
        Ok(httparse::Status::Complete((length, _))) => Some((data, at + length)),
        _ => None,
    }
}

/// The requests that hyper receives, path and body: first one with `body`, and what follows.
async fn received(body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let requests = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let requests = Arc::clone(&requests);
        async move {
            let path = request.uri().path().to_owned();
            if let Ok(whole) = request.into_body().collect().await {
                requests.lock().unwrap().push((path, whole.to_bytes().to_vec()));
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let mut sent = b"POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    sent.extend(body);
    client.write_all(&sent).await.unwrap();
    client.shutdown().await.unwrap();
    let _ = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(server), service)
        .await;
    let _ = client.read_to_end(&mut Vec::new()).await;
    let requests = requests.lock().unwrap();
    requests.clone()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn an_intact_body_ends_where_it_ends(body in intact(), next in vec(any::<u8>(), 0..10)) {
        prop_assert_eq!(inspected(&[&body, &next]), Ok(Some(body.len())));
    }

    #[test]
    fn the_result_does_not_depend_on_how_a_body_is_split(body in damaged()) {
        let whole = inspected(&[&body]);
        for at in 0..=body.len() {
            prop_assert_eq!(inspected(&[&body[..at], &body[at..]]), whole, "split at {}", at);
        }
        let bytes: Vec<_> = body.chunks(1).collect();
        prop_assert_eq!(inspected(&bytes), whole);
    }

    #[test]
    fn a_body_that_is_accepted_ends_in_the_same_place_for_httparse(body in damaged()) {
        if let Ok(end) = inspected(&[&body]) {
            prop_assert_eq!(parsed(&body).map(|(_, length)| length), end);
        }
    }
}

#[test]
fn a_body_that_is_accepted_is_followed_by_the_next_request_for_hyper() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(cases());
    let property = |body: Vec<u8>| {
        let Ok(Some(length)) = inspected(&[&body]) else {
            return Ok(());
        };
        let (data, _) = parsed(&body).expect("the property about httparse");
        let followed = [&body[..length], b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        let wanted = vec![("/first".to_owned(), data), ("/next".to_owned(), Vec::new())];
        prop_assert_eq!(runtime.block_on(received(&followed)), wanted);
        Ok(())
    };
    runner.run(&damaged(), property).unwrap();
}
