/** Multimedia classrooms and their lessons of the coming days: some hundred rooms, so plain objects. */
import type { Classroom } from '../../contracts/types.js';
import type { ClassroomFacts } from '../decide/model.js';

export class ClassroomsView {
  readonly #rooms = new Map<string, ClassroomFacts>();

  /** Applies one record of master.classroom; null is a tombstone. */
  apply(key: string, value: Classroom | null): void {
    if (value?.state !== 'ACTIVE') {
      this.#rooms.delete(key);
      return;
    }
    const { source, version, lessons } = value;
    this.#rooms.set(key, {
      ...{ key, source, version },
      lessons: lessons.map(({ lessonId, from, until, teacherKeys }) => {
        return { id: lessonId, from, until, people: teacherKeys };
      }),
    });
  }

  get(key: string): ClassroomFacts | undefined {
    return this.#rooms.get(key);
  }
}
