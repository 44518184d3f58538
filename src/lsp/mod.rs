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
mod outline;
mod world;

use std::collections::HashMap;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentSymbolRequest, Formatting, GotoDefinition, HoverRequest, Request as _,
};
use lsp_types::{
    CodeActionProviderCapability, CompletionOptions, HoverProviderCapability, InitializeParams, InitializeResult,
    OneOf, PositionEncodingKind, PublishDiagnosticsParams, ServerCapabilities, ServerInfo, TextDocumentSyncCapability,
    TextDocumentSyncKind, Uri,
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
    let (connection, threads) = Connection::stdio();
    let served = serve(&connection, &world);
    world.kernel.keep();
    drop(connection);
    match (served, threads.join()) {
        (Ok(()), Ok(())) => Status::Done,
        (Err(sentence), _) => {
            terminal::complain(&sentence);
            Status::ScriptError
        }
        (Ok(()), Err(error)) => {
            terminal::complain(&format!("the editor's pipe: {error}"));
            Status::ScriptError
        }
    }
}

fn serve(connection: &Connection, world: &World) -> Result<(), String> {
    let (id, asked) = connection.initialize_start().map_err(|error| error.to_string())?;
    let asked: InitializeParams = serde_json::from_value(asked).map_err(|error| error.to_string())?;
    let encoding = Encoding::agreed(&asked);
    let answer = InitializeResult {
        capabilities: capabilities(encoding),
        server_info: Some(ServerInfo { name: "systap".into(), version: Some(env!("CARGO_PKG_VERSION").into()) }),
    };
    let answer = serde_json::to_value(answer).map_err(|error| error.to_string())?;
    connection.initialize_finish(id, answer).map_err(|error| error.to_string())?;
    let mut session = Session { connection, world, encoding, documents: HashMap::new(), stale: vec![] };
    loop {
        // What is still to be read comes first: only the last state of a text is looked at.
        let message = match connection.receiver.try_recv() {
            Ok(message) => message,
            Err(_) => {
                session.look_at_stale()?;
                match connection.receiver.recv() {
                    Ok(message) => message,
                    // The editor has gone without a word.
                    Err(_) => return Ok(()),
                }
            }
        };
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request).map_err(|error| error.to_string())? {
                    return Ok(());
                }
                session.look_at_stale()?;
                let response = session.answer(request);
                session.send(Message::Response(response))?;
            }
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
                self.put(opened.text_document.uri, opened.text_document.text);
            }
            DidChangeTextDocument::METHOD => {
                let Some(changed) = read::<DidChangeTextDocument>(params) else { return Ok(()) };
                if let Some(last) = changed.content_changes.into_iter().last() {
                    self.put(changed.text_document.uri, last.text);
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

    fn put(&mut self, uri: Uri, text: String) {
        self.documents.insert(uri.clone(), Document::new(&uri, text, self.encoding));
        if !self.stale.contains(&uri) {
            self.stale.push(uri);
        }
    }

    fn look_at_stale(&mut self) -> Result<(), String> {
        for uri in std::mem::take(&mut self.stale) {
            let Some(document) = self.documents.get_mut(&uri) else { continue };
            document.findings = findings::of(document, self.world);
            let shown = findings::shown(document, &uri);
            self.publish(PublishDiagnosticsParams::new(uri, shown, None))?;
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
