// Angular, as an app uses it: the services are injected by their class.
import { Component, provideZonelessChangeDetection, signal, type ApplicationRef } from '@angular/core';
import { AsyncPipe } from '@angular/common';
import { bootstrapApplication } from '@angular/platform-browser';
import type { Metrics } from 'veloflux';
import { VELOFLUX_OPTIONS, VeloFluxWebSocketService, WebSocketService } from 'veloflux/angular';

declare global {
  interface Window {
    show: (shown: boolean) => void;
  }
}

const url: string = new URLSearchParams(location.search).get('server') ?? '';

@Component({
  selector: 'app-root',
  imports: [AsyncPipe],
  template: `
    <main>
      <p id="metrics">{{ feeds.getConnectionStatus().metrics | async }} {{ metrics().cpu }} {{ metrics().timestamp }}</p>
      <p id="backends">@for (backend of feeds.backends$ | async; track backend.address) { {{ backend.address }} {{ backend.status }} }</p>
      <p id="status">{{ socket.connectionStatus$ | async }} {{ status() }} {{ messages() }}</p>
    </main>
  `,
})
class App {
  readonly metrics = signal<Partial<Metrics>>({});
  readonly status = signal('');
  readonly messages = signal(0);

  constructor(readonly feeds: VeloFluxWebSocketService, readonly socket: WebSocketService) {
    feeds.metrics$.subscribe((metrics: Partial<Metrics>) => this.metrics.set(metrics));
    socket.messages$.subscribe(({ data }) => {
      this.status.set(data.status);
      this.messages.update((count) => count + 1);
    });
    socket.connect(`${url.replace('http', 'ws')}/api/ws/status`, { reconnectInterval: 200, maxReconnectAttempts: 200 });
  }
}

const options = { url, feeds: ['metrics', 'backends'] as const, reconnectionStrategy: { baseDelay: 200, maxDelay: 200, maxAttempts: 200 } };
void bootstrapApplication(App, {
  providers: [provideZonelessChangeDetection(), { provide: VELOFLUX_OPTIONS, useValue: options }],
}).then((app: ApplicationRef) => {
  window.show = (shown: boolean): void => {
    if (!shown) app.destroy();
  };
});
