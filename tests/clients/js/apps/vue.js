// Vue, as an app uses it.
import { createApp, h, ref } from 'vue';
import { VeloFlux } from 'veloflux';
import { provideVeloFlux, useBackends, useMetrics, useStatusWebSocket } from 'veloflux/vue';

const url = new URLSearchParams(location.search).get('server');
const client = new VeloFlux({ url, reconnectionStrategy: { baseDelay: 200, maxDelay: 200, maxAttempts: 200 } });
const shown = ref(true);
window.show = (value) => { shown.value = value; };

const Metrics = {
  setup() {
    const { data, connectionStatus } = useMetrics();
    return () => h('p', { id: 'metrics' }, `${connectionStatus.value} ${data.value?.cpu} ${data.value?.timestamp}`);
  },
};

const Backends = {
  setup() {
    const enabled = ref(true);
    const { data } = useBackends({ enabled });
    window.enable = (value) => { enabled.value = value; };
    return () => h('p', { id: 'backends' }, (data.value ?? []).map(({ address, status }) => `${address} ${status}`).join());
  },
};

const Status = {
  setup() {
    const messages = ref(0);
    const { data, connectionStatus } = useStatusWebSocket({ baseUrl: url, reconnectInterval: 200, maxReconnectAttempts: 200, onMessage: () => { messages.value += 1; } });
    return () => h('p', { id: 'status' }, `${connectionStatus.value} ${data.value?.data.status} ${messages.value}`);
  },
};

const App = {
  setup() {
    provideVeloFlux(client);
    return () => (shown.value ? h('main', [h(Metrics), h(Metrics), h(Backends), h(Status)]) : h('main'));
  },
};

createApp(App).mount('#root');
