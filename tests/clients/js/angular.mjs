// Angular's own build, as `ng build` runs it, of one file with a component.
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Architect } from '@angular-devkit/architect';
import { WorkspaceNodeModulesArchitectHost } from '@angular-devkit/architect/node/index.js';
import { json, logging, workspaces } from '@angular-devkit/core';
import { NodeJsSyncHost } from '@angular-devkit/core/node/index.js';

/** As strict as it can be: types, templates and injection, of the app and of what it imports. */
const STRICT = {
  compilerOptions: {
    target: 'es2022', module: 'preserve', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [], preserveSymlinks: true,
    experimentalDecorators: true, strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, skipLibCheck: false,
  },
  angularCompilerOptions: { strictTemplates: true, strictInjectionParameters: true, strictInputAccessModifiers: true },
};

/** Builds `main` into `<folder>/dist/browser`; `others` only have to compile. */
export async function buildAngular(folder, modules, main, others = []) {
  const options = { browser: main, index: 'index.html', tsConfig: 'tsconfig.json', outputPath: 'dist', preserveSymlinks: true, progress: false, optimization: false };
  const build = { builder: '@angular/build:application', options };
  const settings = { version: 1, cli: { analytics: false, cache: { enabled: false } }, projects: { app: { projectType: 'application', root: '', architect: { build } } } };
  await symlink(modules, join(folder, 'node_modules'));
  await writeFile(join(folder, 'angular.json'), JSON.stringify(settings));
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...STRICT, files: [main, ...others] }));
  await writeFile(join(folder, 'index.html'), '<!doctype html><html><head><title>angular</title><base href="./"><link rel="icon" href="data:,"></head><body><app-root></app-root></body></html>');

  const registry = new json.schema.CoreSchemaRegistry();
  registry.addPostTransform(json.schema.transforms.addUndefinedDefaults);
  const { workspace } = await workspaces.readWorkspace(folder, workspaces.createWorkspaceHost(new NodeJsSyncHost()));
  const architect = new Architect(new WorkspaceNodeModulesArchitectHost(workspace, folder), registry);
  const logger = new logging.Logger('build');
  const said = [];
  logger.subscribe(({ message }) => said.push(message));
  const run = await architect.scheduleTarget({ project: 'app', target: 'build' }, {}, { logger });
  const { success } = await run.result;
  await run.stop();
  if (!success) throw new Error(said.join('\n'));
}
