// Code as it was written against the published clients: the names, options and shapes that it uses have to go on compiling.
import { useState } from 'react';
import { Subject, takeUntil } from 'rxjs';
import { ConnectionHealthMonitor, ReconnectionStrategy, VeloFluxWebSocketManager, WebSocketManager } from 'veloflux';
import { VeloFluxWebSocketService, WebSocketService } from 'veloflux/angular';
import { useBackendsWebSocket, useBillingWebSocket, useHealthWebSocket, useMetricsWebSocket, useStatusWebSocket, useWebSocket } from 'veloflux/react';
import * as composables from 'veloflux/vue';

export function Panel() {
  const [metrics, setMetrics] = useState<any>({});
  const [backends, setBackends] = useState<any[]>([]);
  const link = useMetricsWebSocket({
    shouldReconnect: true,
    reconnectInterval: 3000,
    maxReconnectAttempts: 5,
    onMessage: (message) => {
      if (message.type === 'metrics') setMetrics(message.data);
    },
  });
  useBackendsWebSocket({
    onMessage: (message) => {
      if (message.type === 'backends') setBackends(message.data);
      else if (message.type === 'backends_update') setBackends((old) => old.map((one) => (one.address === message.data.address ? { ...one, ...message.data } : one)));
    },
  });
  const others = [useStatusWebSocket(), useBillingWebSocket(), useHealthWebSocket()];
  const own = useWebSocket('ws://127.0.0.1:8080/api/ws/metrics', { onOpen: () => {}, onClose: () => {}, onError: () => {} });
  return (
    <div className={link.connectionStatus.toLowerCase()}>
      {(metrics.cpu || 0).toFixed(1)} {backends.length} {others.map(({ error }) => error)} {own.data?.data.cpu}
      <button onClick={() => own.sendMessage({ type: 'ping', timestamp: Date.now() })} />
      <button onClick={own.disconnect} /><button onClick={own.reconnect} />
    </div>
  );
}

export function composed(): string {
  const { data, connectionStatus } = composables.useMetricsWebSocket({ onMessage: (message) => message.data.cpu });
  const { sendMessage, disconnect, reconnect, error } = composables.useWebSocket('ws://127.0.0.1:8080/api/ws/status');
  [composables.useStatusWebSocket, composables.useBackendsWebSocket, composables.useBillingWebSocket, composables.useHealthWebSocket].forEach((use) => use());
  return [connectionStatus.value.toLowerCase(), data.value?.data.cpu, error.value, typeof sendMessage, typeof disconnect, typeof reconnect].join();
}

export class Component {
  private done$ = new Subject<void>();
  metrics: any = {};
  backends: any[] = [];
  status: any = {};

  constructor(private feeds: VeloFluxWebSocketService, private socket: WebSocketService) {}

  start(): void {
    this.feeds.metrics$.pipe(takeUntil(this.done$)).subscribe((metrics) => { this.metrics = metrics; });
    this.feeds.backends$.pipe(takeUntil(this.done$)).subscribe((backends) => { this.backends = backends; });
    const links = this.feeds.getConnectionStatus();
    Object.keys(links).forEach((key) => {
      links[key]?.pipe(takeUntil(this.done$)).subscribe((status) => { this.status[key] = status; });
    });
    this.socket.connect('ws://127.0.0.1:8080/api/ws/status');
    this.socket.messages$.subscribe((message) => { this.status = message.data; });
    this.socket.sendMessage({ type: 'ping' });
    this.socket.disconnect();
  }
}

export function plain(): unknown {
  const manager = new WebSocketManager();
  const reconnectionStrategy = new ReconnectionStrategy({ maxAttempts: 10, baseDelay: 2000, maxDelay: 60000, backoffFactor: 1.5, jitter: true });
  manager.connect('metrics', 'ws://127.0.0.1:8080/api/ws/metrics', { reconnectionStrategy });
  manager.on('metrics:metrics', (event) => event.detail.cpu);
  const monitor = new ConnectionHealthMonitor(manager);
  monitor.startMonitoring('metrics');
  manager.on('metrics:pong', () => monitor.handlePong('metrics'));
  monitor.stopMonitoring('metrics');
  manager.send('metrics', { type: 'ping', timestamp: Date.now() });
  manager.disconnectAll();
  const all = new VeloFluxWebSocketManager('ws://127.0.0.1:8080');
  all.on('connectionStatus', (event) => Object.keys(event.detail).map((name) => event.detail[name].toLowerCase()));
  all.on('backends', (event) => event.detail.length);
  all.disconnect();
  return [all.getData().metrics.cpu, all.getConnectionStatus().metrics, reconnectionStrategy.getDelay(0)];
}
