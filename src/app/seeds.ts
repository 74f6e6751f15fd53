/** The chats of the simulator's world, registered on its first start so that a newcomer can write at once. */
import { type RegistryOptions, registerGroup } from '../registry.ts';
import { SEED_CHATS } from '../simulator/seed.ts';

export function registerSeeds(registry: RegistryOptions): void {
  if (registry.db.groups.all().length > 0) return;
  for (const { chatJid, name, isMain } of SEED_CHATS) {
    registerGroup(registry, { chatJid, name, folder: name.toLowerCase(), isMain }, 'simulator');
  }
}
