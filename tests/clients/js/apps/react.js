// React, as an app uses it: one client for the page, hooks below it, in strict mode, everything drawn anew ten times a second.
import { StrictMode, createElement as make, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { VeloFlux } from 'veloflux';
import { VeloFluxProvider, useBackends, useMetrics, useStatusWebSocket } from 'veloflux/react';

const url = new URLSearchParams(location.search).get('server');
const client = new VeloFlux({ url, reconnectionStrategy: { baseDelay: 200, maxDelay: 200, maxAttempts: 200 } });

function Metrics() {
  const { data, connectionStatus } = useMetrics();
  return make('p', { id: 'metrics' }, `${connectionStatus} ${data?.cpu} ${data?.timestamp}`);
}

function Backends() {
  const [enabled, enable] = useState(true);
  const { data } = useBackends({ enabled });
  window.enable = enable;
  return make('p', { id: 'backends' }, (data ?? []).map(({ address, status }) => `${address} ${status}`).join());
}

function Status() {
  const [messages, count] = useState(0);
  // New options and new functions at every rendering, as everybody writes them.
  const { data, connectionStatus } = useStatusWebSocket({
    baseUrl: url, reconnectInterval: 200, maxReconnectAttempts: 200, onMessage: () => count((n) => n + 1), token: () => '',
  });
  return make('p', { id: 'status' }, `${connectionStatus} ${data?.data.status} ${messages}`);
}

function App() {
  const [shown, show] = useState(true);
  const [turn, next] = useState(0);
  useEffect(() => {
    window.show = show;
    const ticking = setInterval(() => next((n) => n + 1), 100);
    return () => clearInterval(ticking);
  }, []);
  return make('main', { 'data-turn': turn }, shown && make(VeloFluxProvider, { client }, make(Metrics), make(Metrics), make(Backends), make(Status)));
}

createRoot(document.getElementById('root')).render(make(StrictMode, null, make(App)));
