//! Origin
use worker::{Context, Env, Result, event, Request, Response, durable_object, DurableObject, State};
/// x
#[event(fetch)]
pub async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::ok("origin")
}
/// y
#[durable_object(alarm)]
pub struct Registry { state: State }
impl DurableObject for Registry {
    fn new(state: State, _env: Env) -> Self { Self { state } }
    async fn fetch(&self, _req: Request) -> Result<Response> { let _ = &self.state; Response::ok("registry") }
    async fn alarm(&self) -> Result<Response> { Response::ok("") }
}
