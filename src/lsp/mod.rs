//! `systap lsp`: a language server on standard input and output: what is wrong, what a word means, what could stand here, where it is
//! defined, what the script consists of, and its one form.
//!
//! It sees what `systap check` sees, against the same kernel. Must never load or attach anything, nor write to a file; a request that
//! makes no sense gets no answer rather than an end.

mod complete;
mod definition;
mod document;
mod findings;
mod hover;
mod occurrences;
mod outline;
mod transport;
mod world;

use std::collections::HashMap;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Exit, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentHighlightRequest, DocumentSymbolRequest, Formatting, GotoDefinition,
    HoverRequest, Initialize, References, Rename, Request as _, Shutdown,
};
use lsp_types::{
    CodeActionProviderCapability, CompletionOptions, HoverProviderCapability, InitializeParams, InitializeResult,
    OneOf, PositionEncodingKind, PublishDiagnosticsParams, ServerCapabilities, ServerInfo, TextDocumentItem,
    TextDocumentSyncCapability, TextDocumentSyncKind, Uri,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::document::{Document, Encoding};
use self::world::World;
use crate::cli::LspOptions;
use crate::outcome::Status;
use crate::terminal;

/// Serves an editor until it ends the session.
pub(crate) fn lsp(options: &LspOptions) -> Status {
    let world = match World::new(options) {
        Ok(world) => world,
        Err(sentence) => {
            terminal::complain(&sentence);
            return Status::Refused;
        }
    };
    let (connection, writer) = transport::stdio();
    let served = serve(&connection, &world);
    world.kernel.keep();
    drop(connection);
    // What is still to be said is written first.
    _ = writer.join();
    match served {
        Ok(End::InOrder) => Status::Done,
        Ok(End::Unannounced) => Status::ScriptError,
        Err(sentence) => {
            terminal::complain(&sentence);
            Status::ScriptError
        }
    }
}

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The editor has asked for it, or has gone before it had begun.
    InOrder,
    /// It has gone without asking: the protocol wants that told by the status.
    Unannounced,
}

/// A server before it is asked to begin answers nothing but that.
fn begun(connection: &Connection) -> Result<Option<(lsp_server::RequestId, serde_json::Value)>, String> {
    for message in &connection.receiver {
        match message {
            Message::Request(request) if request.method == Initialize::METHOD => {
                return Ok(Some((request.id, request.params)));
            }
            Message::Request(request) => {
                let said = format!("{} comes before initialize", request.method);
                let response = Response::new_err(request.id, ErrorCode::ServerNotInitialized as i32, said);
                connection.sender.send(Message::Response(response)).map_err(|error| error.to_string())?;
            }
            Message::Notification(told) if told.method == Exit::METHOD => return Ok(None),
            Message::Notification(_) | Message::Response(_) => {}
        }
    }
    Ok(None)
}

fn serve(connection: &Connection, world: &World) -> Result<End, String> {
    let Some((id, asked)) = begun(connection)? else { return Ok(End::Unannounced) };
    let asked: InitializeParams = serde_json::from_value(asked).map_err(|error| error.to_string())?;
    let encoding = Encoding::agreed(&asked);
    let answer = InitializeResult {
        capabilities: capabilities(encoding),
        server_info: Some(ServerInfo { name: "systap".into(), version: Some(env!("CARGO_PKG_VERSION").into()) }),
    };
    let answer = serde_json::to_value(answer).map_err(|error| error.to_string())?;
    connection.sender.send(Message::Response(Response::new_ok(id, answer))).map_err(|error| error.to_string())?;
    let mut session = Session { connection, world, encoding, documents: HashMap::new(), stale: vec![] };
    let mut end = End::Unannounced;
    loop {
        // What is still to be read comes first: only the last state of a text is looked at.
        let message = match connection.receiver.try_recv() {
            Ok(message) => message,
            Err(_) => {
                session.look_at_stale()?;
                match connection.receiver.recv() {
                    Ok(message) => message,
                    // The editor has gone without a word.
                    Err(_) => return Ok(end),
                }
            }
        };
        match message {
            Message::Request(request) => {
                let response = if request.method == Shutdown::METHOD {
                    end = End::InOrder;
                    Response::new_ok(request.id, ())
                } else if end == End::InOrder {
                    let said = format!("{} comes after shutdown", request.method);
                    Response::new_err(request.id, ErrorCode::InvalidRequest as i32, said)
                } else {
                    session.look_at_stale()?;
                    session.answer(request)
                };
                session.send(Message::Response(response))?;
            }
            Message::Notification(told) if told.method == Exit::METHOD => return Ok(end),
            Message::Notification(notification) => session.take(notification)?,
            Message::Response(_) => {}
        }
    }
}

fn capabilities(encoding: Encoding) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(match encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
        }),
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([".", "@", "$", "\""].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Simple(true)),
        ..ServerCapabilities::default()
    }
}

/// One editor's session.
struct Session<'a> {
    connection: &'a Connection,
    world: &'a World,
    encoding: Encoding,
    documents: HashMap<Uri, Document>,
    /// Documents that have changed since they were looked at.
    stale: Vec<Uri>,
}

impl Session<'_> {
    fn send(&self, message: Message) -> Result<(), String> {
        self.connection.sender.send(message).map_err(|error| error.to_string())
    }

    fn take(&mut self, notification: Notification) -> Result<(), String> {
        let Notification { method, params } = notification;
        match method.as_str() {
            DidOpenTextDocument::METHOD => {
                let Some(opened) = read::<DidOpenTextDocument>(params) else { return Ok(()) };
                let TextDocumentItem { uri, text, version, .. } = opened.text_document;
                self.put(uri, text, version);
            }
            DidChangeTextDocument::METHOD => {
                let Some(changed) = read::<DidChangeTextDocument>(params) else { return Ok(()) };
                if let Some(last) = changed.content_changes.into_iter().last() {
                    self.put(changed.text_document.uri, last.text, changed.text_document.version);
                }
            }
            DidCloseTextDocument::METHOD => {
                let Some(closed) = read::<DidCloseTextDocument>(params) else { return Ok(()) };
                self.documents.remove(&closed.text_document.uri);
                self.publish(PublishDiagnosticsParams::new(closed.text_document.uri, vec![], None))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn put(&mut self, uri: Uri, text: String, version: i32) {
        self.documents.insert(uri.clone(), Document::new(&uri, text, version, self.encoding));
        if !self.stale.contains(&uri) {
            self.stale.push(uri);
        }
    }

    fn look_at_stale(&mut self) -> Result<(), String> {
        for uri in std::mem::take(&mut self.stale) {
            let Some(document) = self.documents.get_mut(&uri) else { continue };
            document.findings = findings::of(document, self.world);
            let (shown, version) = (findings::shown(document, &uri), document.version);
            self.publish(PublishDiagnosticsParams::new(uri, shown, Some(version)))?;
        }
        Ok(())
    }

    fn publish(&self, params: PublishDiagnosticsParams) -> Result<(), String> {
        self.send(Message::Notification(Notification::new(PublishDiagnostics::METHOD.to_owned(), params)))
    }

    fn answer(&self, request: Request) -> Response {
        let Request { id, method, params } = request;
        let result = match method.as_str() {
            HoverRequest::METHOD => self.with::<HoverRequest>(params, |asked| {
                let asked = asked.text_document_position_params;
                let document = self.documents.get(&asked.text_document.uri)?;
                hover::at(document, document.offset(asked.position), self.world)
            }),
            Completion::METHOD => self.with::<Completion>(params, |asked| {
                let asked = asked.text_document_position;
                let document = self.documents.get(&asked.text_document.uri)?;
                Some(complete::at(document, document.offset(asked.position), self.world))
            }),
            GotoDefinition::METHOD => self.with::<GotoDefinition>(params, |asked| {
                let asked = asked.text_document_position_params;
                let document = self.documents.get(&asked.text_document.uri)?;
                definition::of(document, &asked.text_document.uri, document.offset(asked.position), self.world)
            }),
            References::METHOD => self.with::<References>(params, |asked| {
                let asked = asked.text_document_position;
                let document = self.documents.get(&asked.text_document.uri)?;
                occurrences::references(document, &asked.text_document.uri, document.offset(asked.position))
            }),
            DocumentHighlightRequest::METHOD => self.with::<DocumentHighlightRequest>(params, |asked| {
                let asked = asked.text_document_position_params;
                let document = self.documents.get(&asked.text_document.uri)?;
                occurrences::highlights(document, document.offset(asked.position))
            }),
            Rename::METHOD => self.with::<Rename>(params, |asked| {
                let (place, name) = (asked.text_document_position, asked.new_name);
                let document = self.documents.get(&place.text_document.uri)?;
                occurrences::renamed(document, &place.text_document.uri, document.offset(place.position), &name)
            }),
            DocumentSymbolRequest::METHOD => self.with::<DocumentSymbolRequest>(params, |asked| {
                Some(outline::of(self.documents.get(&asked.text_document.uri)?))
            }),
            Formatting::METHOD => self.with::<Formatting>(params, |asked| {
                Some(document::formatted(self.documents.get(&asked.text_document.uri)?))
            }),
            CodeActionRequest::METHOD => self.with::<CodeActionRequest>(params, |asked| {
                let document = self.documents.get(&asked.text_document.uri)?;
                Some(findings::remedies(document, &asked.text_document.uri, asked.range))
            }),
            _ => {
                let said = format!("systap does not answer {method}");
                return Response::new_err(id, ErrorCode::MethodNotFound as i32, said);
            }
        };
        match result {
            Ok(value) => Response::new_ok(id, value),
            Err(said) => Response::new_err(id, ErrorCode::InvalidParams as i32, said),
        }
    }

    fn with<R: lsp_types::request::Request>(
        &self,
        params: serde_json::Value,
        answer: impl FnOnce(R::Params) -> Option<<Answer<R> as Optional>::Some>,
    ) -> Result<serde_json::Value, String>
    where
        R::Result: Optional,
        <Answer<R> as Optional>::Some: Serialize,
    {
        let params = serde_json::from_value(params).map_err(|error| error.to_string())?;
        serde_json::to_value(answer(params)).map_err(|error| error.to_string())
    }
}

type Answer<R> = <R as lsp_types::request::Request>::Result;

/// What a request may be answered with, or not.
trait Optional {
    type Some;
}

impl<T> Optional for Option<T> {
    type Some = T;
}

fn read<N: lsp_types::notification::Notification>(params: serde_json::Value) -> Option<N::Params>
where
    N::Params: DeserializeOwned,
{
    serde_json::from_value(params).ok()
}
