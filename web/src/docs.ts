/** The API's own page: Swagger UI over `/openapi.json`, served from here and not from another host. */

import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";

SwaggerUI({ url: "/openapi.json", dom_id: "#api", deepLinking: true });
